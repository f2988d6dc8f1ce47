const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** Bytes with a decimal unit, three digits. */
export function bytes(amount: number): string {
  let value = amount
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value.toFixed(0) : value.toPrecision(3)} ${UNITS[unit]}`
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`
}

export function count(amount: number): string {
  return amount.toLocaleString('en-US')
}
