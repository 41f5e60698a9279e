import { parentPort } from 'node:worker_threads'

/* In place of the codec's thread: takes its first job, and ends. */
parentPort!.on('message', () => { process.exit(3) })
parentPort!.postMessage({ type: 'ready' })
