import { concat, fromHex, toHex } from '@hypermesh/crypto'

/** The same DER with the first run of `from` (hex) replaced, and the lengths of all that hold it put right. */
export function patch(der: Uint8Array, from: string, to: string): Uint8Array {
  const text = toHex(der)
  let at = text.indexOf(from)
  while (at % 2 === 1) at = text.indexOf(from, at + 1)
  if (at < 0) throw new Error(`${from} is not in there`)
  return splice(der, at / 2, from.length / 2, fromHex(to))
}

// Replaces at the innermost element that holds the whole run, and writes those around it anew.
function splice(element: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const head = headLength(element)
  const content = element.subarray(head)
  const isHolder = ((element[0] ?? 0) & 0x20) !== 0 || element[0] === 0x04
  const parts: Uint8Array[] = []
  let done = false
  let start = isHolder ? 0 : content.length
  while (start < content.length) {
    const child = content.subarray(start)
    const end = start + headLength(child) + contentLength(child)
    const from = at - head
    if (from > start && from + remove <= end && from >= start + headLength(child)) {
      parts.push(splice(content.subarray(start, end), from - start, remove, insert))
      done = true
    } else parts.push(content.subarray(start, end))
    start = end
  }
  if (!done) {
    const from = at - head
    parts.splice(
      0,
      parts.length,
      content.subarray(0, from),
      insert,
      content.subarray(from + remove),
    )
  }
  return wrap(element[0] ?? 0, concat(...parts))
}

/** One element in DER. */
export function wrap(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  if (length < 0x80) return Uint8Array.of(tag, length, ...content)
  if (length < 0x100) return Uint8Array.of(tag, 0x81, length, ...content)
  return Uint8Array.of(tag, 0x82, length >> 8, length & 255, ...content)
}

function headLength(element: Uint8Array): number {
  return 2 + ((element[1] ?? 0) & 0x80 ? (element[1] ?? 0) & 0x7f : 0)
}

function contentLength(element: Uint8Array): number {
  const [, first = 0, second = 0, third = 0] = element
  if (first < 0x80) return first
  return first === 0x81 ? second : second * 256 + third
}
