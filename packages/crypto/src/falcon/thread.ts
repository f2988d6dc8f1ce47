// The entry of the worker thread. Making a FALCON key takes half a second of JavaScript and signing takes
// 5 to 30 ms, so neither runs on the thread that serves streams.
import { parentPort } from 'node:worker_threads'

import { falcon1024 } from '@noble/post-quantum/falcon.js'

import type { Answered, Asked, Job, Yield } from './job.ts'

const port = parentPort

port?.on('message', ({ id, job }: Asked) => {
  port.postMessage(answer(id, job))
})

function answer(id: number, job: Job): Answered {
  try {
    return { id, ok: true, result: work(job) }
  } catch {
    return { id, ok: false }
  } finally {
    if ('secret' in job) job.secret.fill(0)
  }
}

function work(job: Job): Yield[keyof Yield] {
  if (job.type === 'generate') return generate()
  if (job.type === 'publish') return { publicKey: falcon1024.getPublicKey(job.secret) }
  if (job.type === 'sign') return { signature: falcon1024.sign(job.message, job.secret) }
  return { valid: falcon1024.verify(job.signature, job.message, job.publicKey) }
}

function generate(): Yield['generate'] {
  const { secretKey, publicKey } = falcon1024.keygen()
  return { secret: secretKey, publicKey }
}
