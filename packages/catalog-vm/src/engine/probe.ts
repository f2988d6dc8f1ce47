import type { Server } from 'node:net'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Program } from '../job.ts'
import { MEMORY_BYTES_MIN } from '../job.ts'
import { findingsCommand } from '../language/javascript.ts'
import type { Runtime } from '../language/runtime.ts'
import type { Execution, Task } from './engine.ts'

const NOTHING: Program = { language: 'javascript', source: '' }

const LIMITS = {
  wallMs: 10_000,
  memoryBytes: 2 * MEMORY_BYTES_MIN,
  outputMax: 65_536,
  cpuCores: 1,
} as const

const GREETINGS: Readonly<Record<Program['language'], string>> = {
  javascript: 'function main(input) { return input }',
  python: 'import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())',
}

/** Runs a program that gives its input back; what is wrong, or undefined. */
export async function probeRuntime(
  { language, name }: Runtime,
  execute: (task: Task) => Promise<Execution>,
): Promise<string | undefined> {
  const input = new TextEncoder().encode('is anybody there?')
  const program = { language, source: GREETINGS[language] }
  const execution = await execute({ program, input, limits: LIMITS })
  if (!execution.ok) {
    const { reason, stderr = '' } = execution.refusal
    return `${name}: ${reason} ${stderr}`.trim()
  }
  const echoed = new TextDecoder().decode(execution.output)
  return echoed === 'is anybody there?' ? undefined : `${name}: gave back something else`
}

/** What harness/findings saw. */
interface Findings {
  readonly root: readonly string[]
  readonly hasHostFile: boolean
  readonly uid: number
  readonly environment: readonly string[]
  readonly writeRoot: string
  readonly writeUsr: string
  readonly network: readonly string[]
  readonly child: string
}

export interface Confinement {
  /** Why the sandbox did not start. */
  readonly failure?: string
  /** What it let through. */
  readonly holes: readonly string[]
}

/** Looks around from inside: the confinement counts only where it is seen to hold. */
export async function probeConfinement(
  hasFilter: boolean,
  start: (command: readonly string[], task: Task) => Promise<Execution>,
): Promise<Confinement> {
  await using listener = await listen()
  // This very file: on the host it is there.
  const command = findingsCommand(fileURLToPath(import.meta.url), listener.port)
  const execution = await start(command, {
    program: NOTHING,
    input: new Uint8Array(0),
    limits: LIMITS,
  })
  if (!execution.ok) {
    const { reason, stderr = '' } = execution.refusal
    return { failure: `the sandbox did not start: ${reason} ${stderr}`.trim(), holes: [] }
  }
  const findings: Findings = JSON.parse(new TextDecoder().decode(execution.output))
  return { holes: holesIn(findings, hasFilter) }
}

function holesIn(findings: Findings, hasFilter: boolean): readonly string[] {
  const { root, environment, network, child } = findings
  const foreign = environment.filter((name) => name !== 'TZ' && name !== 'PWD')
  return [
    ...(findings.hasHostFile ? ['a file of the host is visible inside'] : []),
    ...(root.includes('proc') || root.includes('home') ? [`the root shows ${root.join(' ')}`] : []),
    ...(foreign.length > 0 ? [`the environment has ${foreign.join(' ')}`] : []),
    ...(findings.writeRoot === 'EROFS' ? [] : [`/ is not read-only: ${findings.writeRoot}`]),
    // An ordinary user may not write there anyway (EACCES), whichever way it is bound.
    ...(findings.writeUsr === 'yes' ? ['/usr can be written to'] : []),
    ...(network.includes('connected') ? ['the network of the host is reachable'] : []),
    ...(hasFilter && child !== 'EPERM' ? [`starting a process gave ${child}`] : []),
  ]
}

interface Listener extends AsyncDisposable {
  readonly port: number
}

// On every address where there is no IPv6; a sandbox that reaches it has the host's network.
async function listen(): Promise<Listener> {
  const server = createServer((socket) => socket.destroy())
  await listening(server, '::1').catch(() => listening(server, '127.0.0.1'))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function listening(server: Server, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
}
