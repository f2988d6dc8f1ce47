import type { JobReport, JobWork } from '@hypermesh/bootstrap'

import type { MeshEvent } from './event.ts'
import type { Member } from './member.ts'

/** A node is killed when this share of the parts is done: in the middle, with work left for the others. */
const KILL_AT = 1 / 3

interface Crew {
  readonly gateway: Member
  /** Killed in the middle of the job. */
  readonly victim: Member | undefined
  readonly emit: (event: MeshEvent) => void
}

/** Hands the job to the gateway and tells how it goes. */
export async function work({ gateway, victim, emit }: Crew, job: JobWork): Promise<JobReport> {
  const total = job.parts.length
  let start = performance.now()
  let done = 0
  let bytes = 0
  let doomed = victim
  gateway.onNotice((notice) => {
    if (notice.type === 'stored') {
      emit({ event: 'input', parts: notice.parts, bytes: notice.bytes, ms: notice.ms })
      start = performance.now()
    }
    if (notice.type === 'moved') {
      emit({ event: 'moved', part: notice.part, from: notice.from, reason: notice.reason })
    }
    if (notice.type === 'audited') {
      emit({ event: 'audited', parts: notice.parts, agreed: notice.agreed, ms: notice.ms })
    }
    if (notice.type !== 'done') return
    done++
    bytes += notice.bytes
    emit({
      event: 'progress',
      done,
      total,
      node: notice.node,
      bytes,
      ms: performance.now() - start,
    })
    if (doomed && done >= total * KILL_AT) {
      const { name } = doomed
      doomed.kill().then(
        () => emit({ event: 'killed', node: name }),
        () => {},
      )
      doomed = undefined
    }
  })
  return await gateway.call('run', job)
}
