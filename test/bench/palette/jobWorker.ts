import { parentPort } from 'node:worker_threads';
import { runJob, type Job, type Kind, type Message } from './jobs.js';

/* A thread of `JobPool`: runs one job after the other, and goes on after one that fails. */

function messageFor(job: Job): Message<Kind> {
  try {
    return runJob(job.kind, job);
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(messageFor(job)));
