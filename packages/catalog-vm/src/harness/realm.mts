// What a JavaScript program sees is the same on every engine: these three scripts run in its realm, and nothing of
// the process around it is reachable from there.

// The globals of ECMAScript 2024, less those whose memory is shared or outside the heap, and `console`, which V8 adds.
const GLOBALS = `AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean
DataView Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function
Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError
ReferenceError Reflect RegExp Set String SuppressedError Symbol SyntaxError TypeError URIError Uint16Array Uint32Array
Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape
eval globalThis isFinite isNaN parseFloat parseInt undefined unescape`

/** Runs before the program: removes every global that is not in the list. */
export const PRELUDE: string = `{
  const kept = new Set(${JSON.stringify(GLOBALS.split(/\s+/))})
  for (const name of Reflect.ownKeys(globalThis)) {
    if (!kept.has(name) && !Reflect.deleteProperty(globalThis, name)) throw new Error(String(name))
  }
}`

/** Runs after the program: its value takes the input and calls `main`, whichever way that was declared. */
export const DRIVER: string = `(input) => {
  if (typeof main !== 'function') throw new TypeError('the program declares no function main(input)')
  const output = main(input)
  if (typeof output === 'string') return output
  if (ArrayBuffer.isView(output) && output[Symbol.toStringTag] === 'Uint8Array') return output
  throw new TypeError('main returned neither a Uint8Array nor a string')
}`

/** How a harness tells what became of the program. Anything else ended the process from outside. */
export const EXIT: { readonly failed: 70; readonly memory: 71; readonly time: 72 } = {
  failed: 70,
  memory: 71,
  time: 72,
}

/**
 * What a program threw, as text of bounded length; a hostile value cannot make this throw. Frames that are not the
 * program's are left out: they name files of the host.
 */
export function described(error: unknown): string {
  try {
    const stack = isErrorLike(error) ? String(error.stack) : String(error)
    const lines = stack.slice(0, 4096).split('\n')
    return lines.filter((line) => !/^\s+at /.test(line) || line.includes('main.js:')).join('\n')
  } catch {
    return 'the program threw something that cannot be shown'
  }
}

// An error of another realm is no instance of ours.
function isErrorLike(value: unknown): value is { readonly stack: unknown } {
  return typeof value === 'object' && value !== null && 'stack' in value
}
