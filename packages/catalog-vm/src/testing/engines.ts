import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import type { Catalog, Executed } from '../catalog.ts'
import type { Isolation } from '../isolation.ts'
import type { Limits, Program } from '../job.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Test } from './suites.ts'

const LIMITS: Limits = { wallMs: 20_000, memoryBytes: 2 ** 27, outputMax: 2 ** 16 }
const SHORT: Limits = { ...LIMITS, wallMs: 400 }

type Language = Program['language']

interface Bench {
  readonly test: Test
  readonly run: (
    language: Language,
    source: string,
    limits?: Limits,
    input?: Uint8Array,
    signal?: AbortSignal,
  ) => Promise<Executed>
  readonly text: (language: Language, source: string) => Promise<string>
  readonly refused: (
    code: RefusalCode,
    language: Language,
    source: string,
    limits?: Limits,
  ) => Promise<string>
}

/**
 * What every engine promises, hostile programs first. The catalog must have the level open and available; programs in
 * a language that the level does not run are left out.
 */
export function engineTests(test: Test, catalog: Catalog, level: Isolation): void {
  const report = catalog.engines.find(({ isolation }) => isolation === level)
  assert(report?.isAvailable, `${level}: ${report?.reasons.join('; ') ?? 'not open'}`)
  const run: Bench['run'] = async (
    language,
    source,
    limits = LIMITS,
    input = new Uint8Array(0),
    signal = new AbortController().signal,
  ) => {
    const executed = await catalog.execute({ language, source }, input, limits, level, { signal })
    if (executed.ok) assert.equal(executed.isolation, level)
    return executed
  }
  const bench: Bench = {
    test,
    run,
    text: async (language, source) => {
      const executed = await run(language, source)
      assert(executed.ok, JSON.stringify(executed))
      return new TextDecoder().decode(executed.output)
    },
    refused: async (code, language, source, limits) => {
      const executed = await run(language, source, limits)
      assert(!executed.ok, 'the program ended well')
      assert.equal(executed.refusal.code, code, JSON.stringify(executed.refusal))
      return executed.refusal.stderr ?? ''
    },
  }
  if (report.runtimes.javascript !== undefined) {
    javaScriptTests(bench)
    javaScriptRealmTests(bench)
  }
  if (report.runtimes.python !== undefined) {
    pythonLimitTests(bench, report.enforced.systemCalls === 'kernel')
    pythonSightTests(bench)
    pythonProcessTests(bench, report.enforced.systemCalls === 'kernel')
  }
}

function javaScriptTests({ test, run, text, refused }: Bench): void {
  test('JavaScript gets its input and gives bytes or text', async () => {
    const source = 'function main(input) { return input.map((byte) => byte + 1).subarray(1) }'
    const executed = await run('javascript', source, LIMITS, new Uint8Array([1, 2, 255]))
    assert(executed.ok)
    assert.deepEqual([...executed.output], [3, 0])
    assert.equal(await text('javascript', 'const main = () => "grüße \\ud83d\\ude80"'), 'grüße 🚀')
  })
  test('JavaScript that is no program is refused with its own words', async () => {
    const words = await refused(
      'program-failed',
      'javascript',
      'function main() { throw Error("no!") }',
    )
    assert.match(words, /no!/)
    // Frames of the harness would name folders of the host.
    assert.doesNotMatch(words, /file:|harness/)
    assert.match(await refused('program-failed', 'javascript', 'if'), /SyntaxError/)
    assert.match(await refused('program-failed', 'javascript', '1'), /no function main/)
    await refused('program-failed', 'javascript', 'async function main() { return "later" }')
    await refused('program-failed', 'javascript', 'function main() { return 1 }')
  })
  test('JavaScript that does not end is ended', async () => {
    await refused('wall-time', 'javascript', 'function main() { for (;;); }', SHORT)
    await refused(
      'wall-time',
      'javascript',
      'async function loop() { for (;;) await 0 }; loop()',
      SHORT,
    )
  })
  test('JavaScript that wants all memory gets its share of it', async () => {
    const limits = { ...LIMITS, memoryBytes: 2 ** 26 }
    const list = 'function main() { const list = []; for (;;) list.push([list.length, 1, 2]) }'
    await refused('memory', 'javascript', list, limits)
    const buffers =
      'function main() { const list = []; for (;;) list.push(new Uint8Array(1e6).fill(1)) }'
    await refused('memory', 'javascript', buffers, limits)
  })
  test('JavaScript that floods its output is ended', async () => {
    await refused('output', 'javascript', 'function main() { return new Uint8Array(1e6) }')
  })
}

function javaScriptRealmTests({ test, text }: Bench): void {
  test('JavaScript finds the language and nothing else', async () => {
    const names = 'Object.getOwnPropertyNames(globalThis).filter((name) => name !== "main")'
    const found = await text('javascript', `function main() { return ${names}.sort().join() }`)
    assert(found.includes('Uint8Array'))
    for (const name of [
      'process',
      'require',
      'module',
      'fetch',
      'console',
      'setTimeout',
      'WebAssembly',
    ]) {
      assert(!found.split(',').includes(name), name)
    }
  })
  test('no value that JavaScript can reach leads to the process around it', async () => {
    const source = `
      const seen = []
      const look = (where, value) => {
        try { seen.push(where + ' ' + value.constructor.constructor('return typeof process')()) }
        catch (error) { seen.push(where + ' ' + error.name) }
      }
      let imported
      try { imported = import('node:fs'); look('promise', imported) } catch (error) { look('import', error) }
      imported?.then(() => seen.push('imported'), (error) => look('rejection', error))
      function main(input) {
        look('this', globalThis)
        look('input', input)
        try { null.x } catch (error) { look('error', error) }
        try { (function deep() { deep() })() } catch (error) { look('overflow', error) }
        return seen.join()
      }`
    const found = await text('javascript', source)
    assert(found.includes('input undefined'), found)
    assert(!found.includes('object'), found)
    assert(!found.includes('imported'), found)
  })
}

function pythonLimitTests({ test, run, text, refused }: Bench, isFiltered: boolean): void {
  test('Python reads its input and writes its output', async () => {
    const source = 'import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])'
    const executed = await run('python', source, LIMITS, new Uint8Array([1, 0, 255]))
    assert(executed.ok)
    assert.deepEqual([...executed.output], [255, 0, 1])
    assert.equal(await text('python', 'print(__name__, "grüße")'), '__main__ grüße\n')
  })
  test('Python orders its sets the same way every time', async () => {
    const source = 'print(list({chr(number) for number in range(97, 123)}))'
    assert.equal(await text('python', source), await text('python', source))
  })
  test('Python that fails is refused with its own words', async () => {
    assert.match(await refused('program-failed', 'python', 'raise ValueError("no!")'), /no!/)
    assert.match(await refused('program-failed', 'python', 'if'), /SyntaxError/)
    await refused('program-failed', 'python', 'import sys; sys.exit(3)')
  })
  test('Python that does not end is ended', async () => {
    await refused('wall-time', 'python', 'while True: pass', SHORT)
    await refused('wall-time', 'python', 'import time; time.sleep(60)', SHORT)
  })
  test('Python that wants all memory gets its share of it', async () => {
    const limits = { ...LIMITS, memoryBytes: 2 ** 26 }
    await refused('memory', 'python', 'x = []\nwhile True: x.append(bytearray(10 ** 6))', limits)
  })
  test('memory that no process owns is memory too', async () => {
    const source =
      'import os\nfor _ in range(100):\n  os.write(os.memfd_create("x"), bytes(2 ** 22))\nprint("all of it")'
    const limits = { ...LIMITS, memoryBytes: 2 ** 26 }
    await refused(isFiltered ? 'program-failed' : 'memory', 'python', source, limits)
  })
  test('Python that floods its output or its errors is ended', async () => {
    await refused('output', 'python', 'while True: print("x" * 1000)')
    await refused('output', 'python', 'import sys\nwhile True: print("x" * 1000, file=sys.stderr)')
  })
}

// Says for each path whether it could be opened.
const OPENING = `
import os, sys
def opened(path, mode):
  try:
    open(path, mode).close()
    return 'opened'
  except OSError as error:
    return error.strerror
`

function pythonSightTests({ test, run, text }: Bench): void {
  test('files of the host are not there', async () => {
    const home = readdirSync(homedir()).map((name) => `${homedir()}/${name}`)
    const paths = [
      '/etc/shadow',
      '/etc/passwd',
      '/proc/1/environ',
      '/proc/self/environ',
      '/sys/kernel',
    ]
    const tried = [...paths, ...home, process.cwd()].filter((path) => existsSync(path))
    const source = `${OPENING}
for path in ${JSON.stringify(tried)}:
  if opened(path, 'rb') == 'opened' or (os.path.isdir(path) and os.listdir(path)): print(path)`
    // An interpreter that lives in the home folder is there, and the way to it.
    const seen = (await text('python', source)).split('\n').filter((path) => path !== '')
    assert.deepEqual(
      seen.filter((path) => !/pyenv|python/.test(path)),
      [],
    )
  })
  test('nothing can be written but a little in /tmp', async () => {
    const source = `${OPENING}
print([opened(path, 'wb') for path in ['/x', '/usr/x', '/usr/bin/python3', '/dev/x', '/runtime/x', '/tmp/x']])
try:
  for name in range(64): open(f'/tmp/{name}', 'wb').write(bytes(2 ** 20))
  print('all of it')
except OSError as error: print(error.strerror)`
    const [writes = '', filling = ''] = (await text('python', source)).split('\n')
    assert.equal(writes.match(/'opened'/g)?.length, 1, writes)
    assert.match(writes, /'opened'\]$/)
    assert.match(filling, /No space left/)
  })
  test('the environment is fixed', async () => {
    const names = await text('python', 'import os; print(",".join(sorted(os.environ)))')
    assert.equal(
      names.trim(),
      'HOME,LC_ALL,PATH,PWD,PYTHONDONTWRITEBYTECODE,PYTHONHASHSEED,PYTHONUTF8,TZ',
    )
  })
  test('a listener on the host cannot be reached', async () => {
    let reached = 0
    const server = createServer((socket) => {
      reached += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '::1', resolve))
    const address = server.address()
    assert(typeof address === 'object' && address !== null)
    const source = `import socket
try:
  socket.create_connection(('::1', ${address.port}), 2)
  print('connected')
except OSError as error: print('refused', error.errno)`
    assert.match(await text('python', source), /^refused/)
    server.close()
    assert.equal(reached, 0)
    assert((await run('python', 'import socket')).ok)
  })
}

const NAMED = `import ctypes
ctypes.CDLL(None).prctl(15, b'NAME', 0, 0, 0)
`

function pythonProcessTests({ test, text, refused, run }: Bench, isFiltered: boolean): void {
  test('a fork bomb fizzles', async () => {
    const source = `import os, time
started = 0
try:
  while True:
    if os.fork() == 0: time.sleep(60)
    started += 1
except OSError as error: print(started)`
    const started = Number(await text('python', source))
    assert(isFiltered ? started === 0 : started < 64, `${started} processes`)
  })
  test('threads are allowed', async () => {
    const source = `import threading
thread = threading.Thread(target=lambda: print('from a thread'))
thread.start()
thread.join()`
    assert.equal(await text('python', source), 'from a thread\n')
  })
  test('no namespace can be made inside', async () => {
    const source = `import ctypes
library = ctypes.CDLL(None, use_errno=True)
print(library.unshare(0x10000000), library.unshare(0x20000), library.chroot(b'/tmp'), library.setuid(1000))`
    assert.equal((await text('python', source)).trim(), '-1 -1 -1 -1')
  })
  test('nothing is left running', async () => {
    const name = `hm${process.pid % 10_000}${Math.trunc(performance.now()) % 100_000}`
    const fork = isFiltered
      ? ''
      : 'import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(60)\n'
    const source = `${NAMED.replace('NAME', name)}${fork}import time\ntime.sleep(60)`
    const given = new AbortController()
    const running = run('python', source, LIMITS, new Uint8Array(0), given.signal)
    await eventually(() => named(name) > 0)
    given.abort()
    const executed = await running
    assert(!executed.ok)
    assert.equal(executed.refusal.code, 'aborted')
    await eventually(() => named(name) === 0)
  })
  if (!isFiltered) return
  test('system calls are allowed for some of their arguments only', async () => {
    // TIOCSTI types into a terminal; PR_SET_DUMPABLE opens a process to its peers.
    const source = `import ctypes
library = ctypes.CDLL(None, use_errno=True)
def error(result): return ctypes.get_errno() if result < 0 else 0
print(error(library.ioctl(0, 0x5412, b'x')), error(library.prctl(4, 1, 0, 0, 0)))`
    assert.equal(await text('python', source), '1 1\n')
  })
  if (process.arch !== 'x64') return
  test('a system call of x32 ends the program', async () => {
    const source = 'import ctypes\nprint(ctypes.CDLL(None).syscall(0x40000000 + 39))'
    await refused('program-failed', 'python', source)
  })
  test('a system call of another machine ends the program', async () => {
    // mov eax, 20 (getpid); int 0x80; ret
    const source = `import ctypes, mmap
page = mmap.mmap(-1, 4096, flags=34, prot=7)
page.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())`
    await refused('program-failed', 'python', source)
  })
}

/** How many processes of this host have that name. */
function named(name: string): number {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name
    } catch {
      return false
    }
  }).length
}

async function eventually(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    assert(performance.now() < deadline, 'it did not come to pass within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
