import { concat } from '@hypermesh/crypto'
import type { Probe } from '@hypermesh/host'
import { findProgram, run } from '@hypermesh/host'
import type { Runtime } from './runtime.ts'
import { EXIT_MEMORY, length32 } from './runtime.ts'

// Reads the source from descriptor 0, after its length, and leaves the rest of it to the program as standard input.
const START = `
import os, sys
def take(size):
    parts = []
    while size:
        part = os.read(0, size)
        if not part:
            os._exit(70)
        parts.append(part)
        size -= len(part)
    return b''.join(parts)
source = take(int.from_bytes(take(4), 'big'))
sys.path[:] = [path for path in sys.path if path]
sys.argv[:] = ['main.py']
try:
    exec(compile(source, 'main.py', 'exec'), {'__name__': '__main__', '__builtins__': __builtins__})
    sys.stdout.flush()
except MemoryError:
    os._exit(${EXIT_MEMORY})
`

// The order of a set must not differ between two runs, nor the time zone between two hosts.
const ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: '/tmp',
  LC_ALL: 'C.UTF-8',
  PATH: '/usr/bin:/bin',
  PWD: '/tmp',
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONHASHSEED: '0',
  PYTHONUTF8: '1',
  TZ: 'UTC',
}

// A shim on PATH is not the interpreter: the interpreter itself says where it and its library are.
const WHERE = `
import json, os, sys
print(json.dumps([os.path.realpath(sys.executable), os.path.realpath(sys.base_prefix), sys.version.split()[0]]))
`

/** The system's Python first: it needs nothing bound but /usr. */
export const PYTHONS: readonly string[] = ['/usr/bin/python3', 'python3']

/** The first of these programs that is a Python, found by running it. */
export async function openPython(programs: readonly string[]): Promise<Probe<Runtime>> {
  for (const program of programs) {
    const path = findProgram(program)
    const found = path === undefined ? undefined : await interpreter(path)
    if (found !== undefined) return { available: true, value: runtime(found) }
  }
  return {
    available: false,
    reason: `no Python on this host (looked for ${programs.join(', ')})`,
    remedy: 'install Python 3 (Debian: apt install python3)',
  }
}

interface Interpreter {
  readonly path: string
  readonly prefix: string
  readonly version: string
}

async function interpreter(path: string): Promise<Interpreter | undefined> {
  const finished = await run({
    argv: [path, '-c', WHERE],
    // A version manager's shim looks for the interpreter by these.
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' },
    cwd: '/',
    outputMax: 16_384,
    errorMax: 16_384,
    timeoutMs: 10_000,
  })
  try {
    const found: unknown = JSON.parse(new TextDecoder().decode(finished.stdout))
    if (!Array.isArray(found)) return undefined
    const [executable, prefix, version] = found.map(String)
    if (executable === undefined || prefix === undefined || version === undefined) return undefined
    // A prefix of / would show the sandbox the whole host.
    return prefix === '/' ? undefined : { path: executable, prefix, version }
  } catch {
    return undefined
  }
}

function runtime({ path, prefix, version }: Interpreter): Runtime {
  const outside = [path, prefix].filter((each) => !isWithin(each, '/usr'))
  const folders = outside.filter((each) => each === prefix || !isWithin(each, prefix))
  return {
    language: 'python',
    name: `python ${version}`,
    binds: [...new Set(folders)].map((source) => ({ source, target: source })),
    environment: ENVIRONMENT,
    command: () => [path, '-s', '-B', '-c', START],
    memory: (bytes) => ({ kind: 'as', bytes }),
    stdin: ({ source }, input) => {
      const text = new TextEncoder().encode(source)
      return concat(length32(text.length), text, input)
    },
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}
