// Runs one JavaScript program in a V8 isolate of its own. Arguments: `run` or `idle`, the native module, the isolate's
// heap in MiB, the wall time in ms. The isolate gets the input and gives the output, both copied; nothing else passes.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as IsolatedVm from 'isolated-vm'
import { idleMemory, readFrame, writeOutput } from './frame.mts'
import { described, DRIVER, EXIT, PRELUDE } from './realm.mts'

const [mode = '', native = '', heapMiB = '', wallMs = ''] = process.argv.slice(2)
const { ivm }: { readonly ivm: typeof IsolatedVm } = createRequire(import.meta.url)(native)

const isolate = new ivm.Isolate({
  memoryLimit: Number(heapMiB),
  // A fatal error inside V8 cannot be survived safely: the process ends with the isolate.
  onCatastrophicError: (message) => {
    writeSync(2, `${message}\n`)
    process.abort()
  },
})
const context = isolate.createContextSync()
isolate.compileScriptSync(PRELUDE).runSync(context)

if (mode === 'idle') await idle()
else await runProgram()

// The threads that run programs and count their time start with the first of them, each with a stack.
async function idle(): Promise<void> {
  const nothing = await isolate.compileScript('0')
  await nothing.run(context, { timeout: 1000 })
  writeOutput(idleMemory())
}

async function runProgram(): Promise<void> {
  const { source, input } = readFrame()
  const timeout = Number(wallMs)
  try {
    const program = await isolate.compileScript(source, { filename: 'main.js' })
    await program.run(context, { timeout, release: true })
    const driver = await isolate.compileScript(DRIVER)
    const drive = await driver.run(context, { reference: true })
    const output: unknown = await drive.apply(undefined, [input], {
      arguments: { copy: true },
      result: { copy: true },
      timeout,
    })
    if (typeof output !== 'string' && !(output instanceof Uint8Array)) {
      throw new TypeError('no output')
    }
    writeOutput(output)
    process.exit(0)
  } catch (error) {
    const text = described(error)
    process.stderr.write(`${text}\n`)
    process.exit(exitCode(text))
  }
}

function exitCode(text: string): number {
  if (isolate.isDisposed || /RangeError: Array buffer allocation failed/.test(text)) {
    return EXIT.memory
  }
  return text.startsWith('Error: Script execution timed out.') ? EXIT.time : EXIT.failed
}
