import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Whether a process ends within two seconds. A zombie that waits for its reaper has ended. */
export async function hasEnded(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      if (/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return true
    } catch {
      return true
    }
    await wait(10)
  }
  return false
}
