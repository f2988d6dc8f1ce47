import { pathToFileURL } from 'node:url'

import type { Isolation } from '@hypermesh/catalog-vm'

import { NexusError } from '../errors.ts'
import { jsonView } from '../view/json.ts'
import { lineView } from '../view/lines.ts'
import { terminalView } from '../view/terminal.ts'
import type { View } from '../view/view.ts'
import { NODES } from './size.ts'

export interface MeshFlags {
  readonly json?: boolean
  readonly killOne?: boolean
  readonly isolation: Isolation
}

/**
 * `nexus mesh JOB`: a mesh of four nodes on this machine, and a job through it.
 *
 * @param file - Path of the module that exports `job`.
 * @returns The exit code: 0 when the result is right and every receipt verifies, 1 when not, 130 after Ctrl-C.
 */
export async function mesh(file: string, flags: MeshFlags): Promise<number> {
  const interrupt = new AbortController()
  const stop = (): void => interrupt.abort()
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop)
  // The reader is gone, or the terminal: without this the process would end before it has stopped the nodes.
  process.stdout.on('error', stop)
  process.stderr.on('error', stop)
  const view = viewFor(flags)
  // Before the packages below are read, which takes longer than a person takes to doubt.
  view.show({ event: 'start', nodes: NODES, ms: Math.round(performance.now()) })
  try {
    const { runMesh } = await import('./mesh.ts')
    const summary = await runMesh({
      job: pathToFileURL(file).href,
      killOne: flags.killOne ?? false,
      isolation: flags.isolation,
      emit: (event) => view.show(event),
      signal: interrupt.signal,
    })
    return summary.ok ? 0 : 1
  } catch (error) {
    view.close()
    if (error instanceof NexusError && error.code === 'interrupted') {
      process.stderr.write('interrupted; every node is stopped\n')
      return 130
    }
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    view.close()
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop)
  }
}

function viewFor({ json }: MeshFlags): View {
  const write = (text: string): void => void process.stdout.write(text)
  if (json) return jsonView(write)
  return process.stdout.isTTY ? terminalView(write, () => process.stdout.columns) : lineView(write)
}
