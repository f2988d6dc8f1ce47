import { readdirSync, readFileSync } from 'node:fs'

interface Stat {
  readonly parent: number
  readonly state: string
  readonly ticks: number
}

// proc(5): state, ppid and utime, after the name in parentheses.
function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: words[0] ?? '', parent: Number(words[1]), ticks: Number(words[11]) }
  } catch {
    return undefined
  }
}

export function isRunning(pid: number): boolean {
  const found = stat(pid)
  return found !== undefined && found.state !== 'Z'
}

export function descendants(root: number): readonly number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  const parents = new Map(pids.map((pid) => [pid, stat(pid)?.parent ?? 0]))
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid) ?? 0; at > 0; at = parents.get(at) ?? 0)
      if (at === root) return true
    return false
  }
  return pids.filter(isBelow)
}

// A tenth of a second of processor time: the program itself is at work, not what starts it.
export function busy(root: number): number | undefined {
  return descendants(root).find((pid) => (stat(pid)?.ticks ?? 0) > 10)
}

export async function eventually(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come to pass within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
