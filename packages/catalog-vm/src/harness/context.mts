// Runs one JavaScript program in a bare realm of this process. The sandbox around the process is what confines it;
// the realm is there so that a program finds the same language here as in an isolate.
import { types } from 'node:util'
import vm from 'node:vm'
import { idleMemory, readFrame, writeOutput } from './frame.mts'
import { described, DRIVER, EXIT, PRELUDE } from './realm.mts'

const realm = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
  // As an isolate does it: promises settle when the program's script has run.
  microtaskMode: 'afterEvaluate',
  codeGeneration: { strings: true, wasm: false },
})
vm.runInContext(PRELUDE, realm)
// Of the program's realm, not ours: nothing handed in leads back out.
const makeInput: (length: number) => Uint8Array = vm.runInContext(
  '(length) => new Uint8Array(length)',
  realm,
)

if (process.argv[2] === 'idle') writeOutput(idleMemory())
else runProgram()

function runProgram(): void {
  const { source, input } = readFrame()
  try {
    const given = makeInput(input.length)
    given.set(input)
    new vm.Script(source, { filename: 'main.js' }).runInContext(realm)
    const drive: (input: Uint8Array) => unknown = vm.runInContext(DRIVER, realm)
    const output = drive(given)
    if (typeof output !== 'string' && !types.isUint8Array(output)) throw new TypeError('no output')
    writeOutput(output)
    process.exit(0)
  } catch (error) {
    const text = described(error)
    process.stderr.write(`${text}\n`)
    process.exit(
      text.startsWith('RangeError: Array buffer allocation failed') ? EXIT.memory : EXIT.failed,
    )
  }
}
