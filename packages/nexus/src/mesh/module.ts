import { NexusError } from '../errors.ts'
import type { MeshJob } from '../job.ts'

const NEEDED = ['parts', 'plain', 'table'] as const

/**
 * Loads the module at a URL and takes its `job`.
 *
 * @throws {NexusError} `bad-job` when it cannot be loaded or exports none.
 */
export async function readJob(url: string): Promise<MeshJob> {
  let module: { readonly job?: unknown }
  try {
    module = await import(url)
  } catch (error) {
    throw new NexusError('bad-job', `${url} cannot be loaded: ${String(error)}`, { cause: error })
  }
  const { job } = module
  if (isJob(job)) return job
  throw new NexusError('bad-job', `${url} exports no job: it needs a program, ${NEEDED.join(', ')}`)
}

function isJob(value: unknown): value is MeshJob {
  if (typeof value !== 'object' || value === null || !('program' in value)) return false
  const entries = new Map(Object.entries(value))
  return NEEDED.every((name) => typeof entries.get(name) === 'function')
}
