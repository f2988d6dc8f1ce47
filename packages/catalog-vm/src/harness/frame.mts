import { readFileSync, readSync, writeSync } from 'node:fs'

/** Standard input of a JavaScript harness: two lengths (32 bits, big-endian), the source, the input. */
export function readFrame(): { readonly source: string; readonly input: Uint8Array } {
  const header = readExactly(8)
  const view = new DataView(header.buffer)
  const source = new TextDecoder().decode(readExactly(view.getUint32(0)))
  return { source, input: readExactly(view.getUint32(4)) }
}

function readExactly(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let offset = 0; offset < length;) {
    const count = readSync(0, bytes, offset, length - offset, null)
    if (count === 0) throw new Error(`standard input ended after ${offset} of ${length} bytes`)
    offset += count
  }
  return bytes
}

/** Writes the output whole, whatever the pipe takes at a time. */
export function writeOutput(output: Uint8Array | string): void {
  const bytes = typeof output === 'string' ? new TextEncoder().encode(output) : output
  for (let offset = 0; offset < bytes.length;) {
    offset += writeSync(1, bytes, offset, bytes.length - offset)
  }
}

/** What this process has mapped to write on, and what of that it holds, before a program runs: proc(5), in bytes. */
export function idleMemory(): string {
  const status = readFileSync('/proc/self/status', 'utf8')
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return JSON.stringify({ dataBytes: bytes('VmData'), heldBytes: bytes('RssAnon') })
}
