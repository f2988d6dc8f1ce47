/**
 * The program that runs in the sandbox: mean delay and a 95 % bootstrap interval per airport.
 *
 * It is an ordinary module as well, so that the plain computation calls the very same function. It may
 * use nothing but the language: no imports, nothing of a host.
 */

/** Resamples per airport. Their quantiles settle to about a tenth of a minute at this number. */
const RESAMPLES = 500

/**
 * @param input - Airports one after another, big-endian: name length (u8), name (ASCII), number of
 *   flights (u32), a delay in minutes for each (i16).
 * @returns A JSON line per airport: name, flights, mean, and the interval's two ends, in minutes.
 */
export function main(input: Uint8Array): string {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const lines: string[] = []
  let at = 0
  while (at < input.length) {
    const nameEnd = at + 1 + view.getUint8(at)
    const airport = String.fromCharCode(...input.subarray(at + 1, nameEnd))
    const flights = view.getUint32(nameEnd)
    const delays = new Int16Array(flights)
    let sum = 0
    at = nameEnd + 4
    for (let i = 0; i < flights; i++, at += 2) sum += delays[i] = view.getInt16(at)
    const [low, high] = interval(delays, airport)
    lines.push(JSON.stringify({ airport, flights, mean: sum / flights, low, high }))
  }
  return lines.join('\n')
}

function interval(delays: Int16Array, airport: string): [number, number] {
  const random = generator(airport)
  const means = new Float64Array(RESAMPLES)
  for (let r = 0; r < RESAMPLES; r++) {
    let sum = 0
    for (let i = 0; i < delays.length; i++) sum += delays[(random() * delays.length) >>> 0] ?? 0
    means[r] = sum / delays.length
  }
  means.sort()
  return [means[Math.floor(RESAMPLES * 0.025)] ?? 0, means[Math.ceil(RESAMPLES * 0.975) - 1] ?? 0]
}

// Mulberry32, seeded by FNV-1a of the airport's name: integer arithmetic alone, so every machine draws the same.
function generator(name: string): () => number {
  let state = 0x811c9dc5
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
