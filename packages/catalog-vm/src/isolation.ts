/**
 * How far a program is kept from the machine, weakest first.
 *
 * `isolate`: a V8 isolate in a process of its own. `namespace`: namespaces and resource limits made by util-linux.
 * `kernel`: bubblewrap, with a seccomp filter besides.
 */
export type Isolation = 'isolate' | 'namespace' | 'kernel'

/** Every level, weakest first. */
export const ISOLATIONS: readonly Isolation[] = ['isolate', 'namespace', 'kernel']

export function isIsolation(value: unknown): value is Isolation {
  return ISOLATIONS.some((level) => level === value)
}

/** The stronger of two levels. */
export function stronger(a: Isolation, b: Isolation): Isolation {
  return isAtLeast(a, b) ? a : b
}

export function isAtLeast(level: Isolation, least: Isolation): boolean {
  return ISOLATIONS.indexOf(level) >= ISOLATIONS.indexOf(least)
}
