import type { Fetched, Sink } from '../../../../../shared/messaging/kafka/library.js';

/** Takes what a fetcher hands over, and notes what it tells. */
export class RecordingSink implements Sink {
  readonly messages: Fetched[] = [];
  readonly told: string[] = [];
  readonly lostWith: unknown[] = [];
  /** How many messages it has room for. */
  roomFor = Number.POSITIVE_INFINITY;

  room(keepAlive?: () => Promise<void>): boolean | Promise<boolean> {
    if (this.messages.length < this.roomFor) return true;
    return (keepAlive?.() ?? Promise.resolve()).then(() => false);
  }

  hand(message: Fetched): void {
    this.messages.push(message);
  }

  alive(): void {
    this.told.push('alive');
  }

  assigned(partitions: readonly number[]): void {
    this.told.push(`assigned ${partitions.join()}`);
  }

  fetched(): void {
    this.told.push('fetched');
  }

  responded(): void {
    this.told.push('responded');
  }

  rejoined(ms: number, cause: Error): void {
    this.told.push(`rejoined after ${ms} ms: ${cause.message}`);
  }

  lost(error: unknown): void {
    this.lostWith.push(error);
  }
}
