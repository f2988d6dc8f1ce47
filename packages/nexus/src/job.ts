import type { Program } from '@hypermesh/catalog-vm'

/** What a person reads of a result. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Rows to print on a terminal; all of them are in the summary. */
  readonly shown: number
}

/**
 * A job that a module exports as `job`: one program, many parts of an input, one table.
 *
 * A part's output depends on the part alone, so where it runs, and how often, changes nothing.
 */
export interface MeshJob {
  readonly name: string
  readonly title: string
  readonly program: Program
  /** The parts of the input, each the whole input of one run of the program. */
  parts(): Promise<readonly Uint8Array[]>
  /** What the program gives for one part, computed here, without a mesh or a sandbox. */
  plain(part: Uint8Array): Uint8Array
  /** Joins the outputs, in the order of the parts. */
  table(outputs: readonly Uint8Array[]): Table
}
