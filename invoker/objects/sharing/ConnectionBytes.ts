/** A connection that counts its bytes, as a socket does. */
export interface CountingConnection {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  once(event: 'close', listener: () => void): unknown;
}

/** The bytes of connections, open and closed ones. */
export class ConnectionBytes {
  readonly #open = new Set<CountingConnection>();
  #closed = 0;

  add(connection: CountingConnection): void {
    this.#open.add(connection);
    connection.once('close', () => {
      if (this.#open.delete(connection)) this.#closed += bytesOf(connection);
    });
  }

  /** In both directions. */
  get total(): number {
    let total = this.#closed;
    for (const connection of this.#open) total += bytesOf(connection);
    return total;
  }
}

const bytesOf = ({ bytesRead, bytesWritten }: CountingConnection): number => bytesRead + bytesWritten;
