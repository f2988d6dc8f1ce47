import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { NexusError } from '../errors.ts'
import { readJob } from './module.ts'

/** The job's own computing, on a thread of its own: reading the input, and the plain result to compare with. */
export interface Desk extends AsyncDisposable {
  parts(): Promise<readonly Uint8Array[]>
  plain(): Promise<readonly Uint8Array[]>
}

type Task = 'parts' | 'plain'

type Answer =
  | { readonly task: Task; readonly outputs: readonly Uint8Array[] }
  | { readonly task: Task; readonly error: string }

/** @param job - URL of the module that exports `job`. */
export function openDesk(job: string): Desk {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { job } })
  const ask = async (task: Task): Promise<readonly Uint8Array[]> => {
    const answered = new Promise<Answer>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject)
    })
    worker.postMessage(task)
    const answer = await answered
    if ('error' in answer) throw new NexusError('bad-job', `${task} of ${job}: ${answer.error}`)
    return answer.outputs
  }
  return {
    parts: () => ask('parts'),
    plain: () => ask('plain'),
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  }
}

async function serve(url: string): Promise<void> {
  let parts: readonly Uint8Array[] = []
  parentPort?.on('message', async (task: Task) => {
    try {
      const job = await readJob(url)
      if (task === 'parts') parts = await job.parts()
      const outputs = task === 'parts' ? parts : parts.map((part) => job.plain(part))
      parentPort?.postMessage({ task, outputs } satisfies Answer)
    } catch (error) {
      parentPort?.postMessage({ task, error: String(error) } satisfies Answer)
    }
  })
}

if (!isMainThread && typeof workerData?.job === 'string') await serve(workerData.job)
