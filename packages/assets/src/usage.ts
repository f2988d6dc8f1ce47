import type { Probe } from '@hypermesh/host'
import { AssetsError } from './errors.ts'
import type { Lease, Usage } from './lease.ts'

/** What one program on a lease has used; what nobody measured is absent. */
export interface Metered {
  readonly cpuMs?: number
  readonly memoryPeakBytes?: number
}

/** The sums so far of a lease. */
export type Meter = Metered

/**
 * Adds one program's use.
 *
 * @throws {AssetsError} `invalid-argument` for a figure that no measurement gives.
 */
export function metered(meter: Meter, { cpuMs, memoryPeakBytes }: Metered): Meter {
  for (const figure of [cpuMs, memoryPeakBytes]) {
    if (figure !== undefined && !(Number.isFinite(figure) && figure >= 0)) {
      throw new AssetsError('invalid-argument', `a measured use of ${figure}`)
    }
  }
  const time = cpuMs === undefined ? meter.cpuMs : cpuMs + (meter.cpuMs ?? 0)
  const peak = [memoryPeakBytes, meter.memoryPeakBytes].filter((bytes) => bytes !== undefined)
  return {
    ...(time === undefined ? {} : { cpuMs: time }),
    ...(peak.length === 0 ? {} : { memoryPeakBytes: Math.max(...peak) }),
  }
}

export function usageOf({ since, until, region }: Lease, meter: Meter): Usage {
  return {
    since,
    until,
    regionBytes: region?.bytes.length ?? 0,
    cpuMs: reported(meter.cpuMs),
    memoryPeakBytes: reported(meter.memoryPeakBytes),
  }
}

function reported(figure: number | undefined): Probe<number> {
  return figure === undefined
    ? { available: false, reason: 'no program on this lease has reported it' }
    : { available: true, value: figure }
}
