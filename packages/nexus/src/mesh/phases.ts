import type { Member } from './member.ts'

export interface PhaseLine {
  readonly phase: number
  readonly name: string
  /** From when the last node left the phase before to when the last one left this. */
  readonly ms: number
  readonly detail: string
}

/** Tells of a phase once every node has left it. @returns All phases that were left so far. */
export function followPhases(
  members: readonly Member[],
  tell: (line: PhaseLine) => void,
): () => readonly PhaseLine[] {
  const left = new Map<number, number>()
  const lines: PhaseLine[] = []
  let since = performance.now()
  for (const member of members) {
    member.onNotice((notice) => {
      if (notice.type !== 'phase') return
      const count = (left.get(notice.phase) ?? 0) + 1
      left.set(notice.phase, count)
      if (count < members.length) return
      const line = {
        phase: notice.phase,
        name: notice.name,
        ms: performance.now() - since,
        detail: notice.detail,
      }
      since = performance.now()
      lines.push(line)
      tell(line)
    })
  }
  return () => lines
}
