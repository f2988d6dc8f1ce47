import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { Stream } from 'node:stream'
import { Readable } from 'node:stream'
import type { Cgroup } from './cgroup.ts'
import { HostError } from './errors.ts'
import { errorCode, errorText } from './probe.ts'
import { findProgram } from './program.ts'

/** Longest a child may be given: the largest delay a Node timer holds, 24.8 days. */
export const TIMEOUT_MS_MAX: number = 2 ** 31 - 1

/** How long a finished child's pipes may stay open in the hands of someone it left behind. */
export const PIPE_GRACE_MS = 500

export interface RunOptions {
  /** The program (a path, or a name on PATH) and its arguments. No shell reads them. */
  readonly argv: readonly [string, ...string[]]
  /** Exactly the child's environment; nothing of ours is inherited. Default: empty. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: Uint8Array
  /** Bytes of standard output kept; one more ends the child. */
  readonly outputMax: number
  /** Bytes of standard error kept; one more ends the child. */
  readonly errorMax: number
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly onSpawn?: (pid: number) => void
  /** The group the child is in before its program starts. What it leaves behind in it is ended with it. */
  readonly cgroup?: Cgroup
}

/** How a child ended. `stdout` and `stderr` hold at most `outputMax` and `errorMax` bytes. */
export interface Finished {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly ended: 'exit' | 'timeout' | 'output-limit' | 'aborted'
  readonly wallMs: number
}

/**
 * Runs a program to its end in a process group of its own, and ends that group with it.
 *
 * Resolves when the child is reaped and its pipes are closed. A process that leaves the group (setsid) outlives the
 * child unless a `cgroup` holds it. Under a `cgroup`, /bin/sh enters the group and then becomes the program; a PWD
 * in `env` is then the shell's own.
 *
 * @throws {HostError} `spawn-failed` when the program is not there or cannot start; `cgroup-unavailable` when it
 *   could not enter `cgroup`, in which case it did not start; `invalid-argument`.
 */
export async function run(options: RunOptions): Promise<Finished> {
  const program = validate(options)
  const started = performance.now()
  if (options.signal?.aborted) {
    const nothing = new Uint8Array(0)
    return {
      exitCode: null,
      signal: null,
      stdout: nothing,
      stderr: nothing,
      ended: 'aborted',
      wallMs: 0,
    }
  }
  const child = start(program, options)
  // Attached at once: the events may come on the next turn.
  const closed = closing(child)
  const entry = collect(child.stdio[3], 1)
  let ended: Finished['ended'] = 'exit'
  const end = (why: Finished['ended']): void => {
    if (ended === 'exit') ended = why
    endGroup(child)
    options.cgroup?.kill().catch(() => {})
  }
  const stdout = collect(child.stdout, options.outputMax, () => end('output-limit'))
  const stderr = collect(child.stderr, options.errorMax, () => end('output-limit'))
  const timer = setTimeout(() => end('timeout'), options.timeoutMs)
  const abort = (): void => end('aborted')
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    // A child that ends without reading its input closes the pipe; that is its right, not our error.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.stdin)
    try {
      if (child.pid !== undefined) options.onSpawn?.(child.pid)
    } catch (error) {
      end('aborted')
      await closed
      throw error
    }
    const { exitCode, signal } = await closed
    await options.cgroup?.kill()
    if (entry().length > 0) {
      throw new HostError(
        'cgroup-unavailable',
        `${program}: the child could not enter its control group`,
      )
    }
    const wallMs = performance.now() - started
    return { exitCode, signal, stdout: stdout(), stderr: stderr(), ended, wallMs }
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
  }
}

function validate({ argv, env, outputMax, errorMax, timeoutMs }: RunOptions): string {
  for (const [name, value] of Object.entries({ outputMax, errorMax, timeoutMs })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new HostError('invalid-argument', `${name} is ${value}`)
    }
  }
  if (timeoutMs > TIMEOUT_MS_MAX)
    throw new HostError('invalid-argument', `timeoutMs is ${timeoutMs}`)
  const texts = [...argv, ...Object.entries(env ?? {}).flat()]
  if (texts.some((text) => text.includes('\0'))) {
    throw new HostError('invalid-argument', 'a NUL in argv or env')
  }
  const program = findProgram(argv[0])
  if (program === undefined) throw new HostError('spawn-failed', `${argv[0]}: no such program`)
  return program
}

// The shell moves itself into every tree of the group, says so on descriptor 3 if it cannot, and becomes the program.
// Paths and arguments are its positional parameters: nothing of them is read as shell.
const ENTER = `n=$1; shift
while [ "$n" -gt 0 ]; do echo 0 > "$1" || { echo failed >&3; exit 125; }; shift; n=$((n-1)); done
unset PWD OLDPWD
exec "$@" 3>&-`

function start(program: string, options: RunOptions): ChildProcess {
  const [, ...rest] = options.argv
  const files = options.cgroup?.procsFiles
  const argv =
    files === undefined
      ? [program, ...rest]
      : ['/bin/sh', '-c', ENTER, 'enter', String(files.length), ...files, program, ...rest]
  try {
    return spawn(argv[0] ?? program, argv.slice(1), {
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      // A group of its own, so that the child's children can be ended with it.
      detached: true,
      stdio: [
        options.stdin === undefined ? 'ignore' : 'pipe',
        'pipe',
        'pipe',
        ...(files === undefined ? [] : ['pipe' as const]),
      ],
    })
  } catch (error) {
    throw new HostError('spawn-failed', `${program}: ${errorText(error)}`, { cause: error })
  }
}

interface Exit {
  readonly exitCode: number | null
  readonly signal: string | null
}

function closing(child: ChildProcess): Promise<Exit> {
  const { promise, resolve, reject } = Promise.withResolvers<Exit>()
  let grace: NodeJS.Timeout | undefined
  child.once('error', (error) => {
    const folder = errorCode(error) === 'ENOENT' ? ' (is its working folder there?)' : ''
    reject(new HostError('spawn-failed', `${error.message}${folder}`, { cause: error }))
  })
  child.once('exit', () => {
    // Grandchildren still in the group end now, and with them the pipes they hold.
    endGroup(child)
    grace = setTimeout(() => {
      for (const stream of child.stdio) stream?.destroy()
    }, PIPE_GRACE_MS)
  })
  child.once('close', (exitCode, signal) => {
    clearTimeout(grace)
    resolve({ exitCode, signal })
  })
  return promise
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // EPERM: what is left of the group has changed its user, and is not ours to end.
    if (errorCode(error) !== 'ESRCH' && errorCode(error) !== 'EPERM') throw error
  }
}

// Keeps at most `max` bytes and counts no further.
function collect(
  stream: Stream | null | undefined,
  max: number,
  onOver: () => void = () => {},
): () => Uint8Array {
  const chunks: Uint8Array[] = []
  let size = 0
  if (!(stream instanceof Readable)) return () => new Uint8Array(0)
  stream.on('error', () => {})
  stream.on('data', (chunk: Uint8Array) => {
    const room = max - size
    if (room > 0) chunks.push(chunk.subarray(0, room))
    size += Math.min(room, chunk.length)
    if (chunk.length > room) onOver()
  })
  return () => joined(chunks, size)
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
