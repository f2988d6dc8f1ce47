import { Malformed, TAG } from './der.ts'
import type { Reader } from './der.ts'

const DAY_MS = 86_400_000n

// RFC 5280 4.1.2.5: years to 2049 are UTCTime, later ones GeneralizedTime; both in seconds, both in Z.
const PIVOT_YEAR = 2050

/** A point in time as RFC 5280 4.1.2.5 writes it, in milliseconds since 1970. */
export function readTime(reader: Reader, what: string): bigint {
  const { tag, content } = reader.next(what)
  const text = String.fromCharCode(...content.subarray(0, 16))
  if (tag === TAG.utcTime && /^\d{12}Z$/.test(text) && content.length === 13) {
    const year = Number(text.slice(0, 2))
    return milliseconds(year >= 50 ? 1900 + year : 2000 + year, text.slice(2), what)
  }
  if (tag === TAG.generalizedTime && /^\d{14}Z$/.test(text) && content.length === 15) {
    const year = Number(text.slice(0, 4))
    if (year < PIVOT_YEAR) throw new Malformed(`${what}: a year before 2050 not in UTCTime`)
    return milliseconds(year, text.slice(4), what)
  }
  throw new Malformed(`${what}: not a time`)
}

function milliseconds(year: number, rest: string, what: string): bigint {
  const part = (at: number): number => Number(rest.slice(at, at + 2))
  const [month, day, hour, minute, second] = [part(0), part(2), part(4), part(6), part(8)]
  const exists =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59
  if (!exists) throw new Malformed(`${what}: no such time`)
  const seconds = BigInt((hour * 60 + minute) * 60 + second)
  return BigInt(daysSince1970(year, month, day)) * DAY_MS + seconds * 1000n
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1
  const leaps = (y: number): number => Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400)
  let days = 365 * (year - 1970) + leaps(before) - leaps(1969)
  for (let m = 1; m < month; m += 1) days += daysIn(year, m)
  return days + day - 1
}
