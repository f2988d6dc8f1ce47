/**
 * Command a node and its mesh from the terminal.
 *
 * The command line is the package's use; the door has what a job module needs.
 *
 * @example
 * export const job: MeshJob = {
 *   name: 'lengths',
 *   title: 'the length of each part',
 *   program: { language: 'javascript', source: 'function main(input) { return String(input.length) }' },
 *   parts: async () => [new Uint8Array(10), new Uint8Array(20)],
 *   plain: (part) => new TextEncoder().encode(String(part.length)),
 *   table: (outputs) => ({ columns: ['length'], rows: outputs.map((o) => ({ length: Number(new TextDecoder().decode(o)) })), shown: 10 }),
 * }
 *
 * @packageDocumentation
 */
export { NexusError } from './errors.ts'
export type { NexusErrorCode } from './errors.ts'
export type { MeshJob, Table } from './job.ts'
export { runMesh } from './mesh/mesh.ts'
export type { MeshOptions } from './mesh/mesh.ts'
export type { LentAsset, MeshEvent, ReceiptLine, Summary } from './mesh/event.ts'
