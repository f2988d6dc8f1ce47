/**
 * Three million US flights, by airport of origin.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'

import { parquetRead } from 'hyparquet'

/** @returns Minutes of delay of every flight that left the airport, in the order of the file. */
export async function readDelays(): Promise<ReadonlyMap<string, readonly number[]>> {
  const origins: string[] = []
  const delays: number[] = []
  await parquetRead({
    file: readParquet(),
    columns: ['origin', 'delay'],
    compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
    onChunk: ({ columnName, columnData }) => {
      if (columnName === 'origin') for (const origin of columnData) origins.push(String(origin))
      else for (const delay of columnData) delays.push(Number(delay))
    },
  })
  if (origins.length !== delays.length) throw new Error('the columns differ in length')
  const airports = new Map<string, number[]>()
  for (const [row, origin] of origins.entries()) {
    const known = airports.get(origin)
    if (known === undefined) airports.set(origin, [delays[row] ?? 0])
    else known.push(delays[row] ?? 0)
  }
  return airports
}

function readParquet(): ArrayBuffer {
  const library = createRequire(import.meta.url).resolve('vega-datasets')
  const file = readFileSync(join(dirname(dirname(library)), 'data', 'flights-3m.parquet'))
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength)
}

/** Cuts the airports into `count` parts of about equally many flights: the largest first, each to the lightest part. */
export function cut(
  airports: ReadonlyMap<string, readonly number[]>,
  count: number,
): readonly Uint8Array[] {
  const parts = Array.from({ length: count }, () => ({ flights: 0, names: [] as string[] }))
  for (const [name, delays] of [...airports].sort(byFlights)) {
    const lightest = parts.reduce((a, b) => (b.flights < a.flights ? b : a))
    lightest.flights += delays.length
    lightest.names.push(name)
  }
  return parts.map(({ names }) => encode(airports, names))
}

// Equal numbers are ordered by name, so that the cut does not depend on the order of the file.
function byFlights(
  [a, x]: [string, readonly number[]],
  [b, y]: [string, readonly number[]],
): number {
  return y.length - x.length || (a < b ? -1 : 1)
}

function encode(
  airports: ReadonlyMap<string, readonly number[]>,
  names: readonly string[],
): Uint8Array {
  const size = names.reduce((sum, n) => sum + 5 + n.length + 2 * (airports.get(n)?.length ?? 0), 0)
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const name of names) {
    const delays = airports.get(name) ?? []
    view.setUint8(at, name.length)
    bytes.set(new TextEncoder().encode(name), at + 1)
    view.setUint32(at + 1 + name.length, delays.length)
    at += 5 + name.length
    for (const delay of delays) view.setInt16((at += 2) - 2, delay)
  }
  return bytes
}
