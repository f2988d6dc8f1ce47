import { statfsSync } from 'node:fs'
import type { Probe } from './probe.ts'
import { available, errorText, unavailable } from './probe.ts'

/**
 * The size in bytes of the file system that holds `path`, and what of it is free to this user (the part reserved
 * for root is not).
 */
export function freeSpace(
  path: string,
): Probe<{ readonly totalBytes: number; readonly freeBytes: number }> {
  try {
    const { bsize, blocks, bavail } = statfsSync(path)
    return available({ totalBytes: blocks * bsize, freeBytes: bavail * bsize })
  } catch (error) {
    return unavailable(errorText(error), `make ${path}, or name a folder that this user may enter`)
  }
}
