/* oxlint-disable typescript/no-unsafe-type-assertion -- The suites that read a file know its form. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const folder =
  process.env['HYPERMESH_VECTORS'] ??
  fileURLToPath(new URL('../../../../shared/vectors', import.meta.url))

/** Why a file of test vectors cannot be read, or undefined when it can; said once, where it is missed. */
export function lacking(name: string): string | undefined {
  if (existsSync(`${folder}/${name}`)) return undefined
  const reason = `skipped: no ${name}; set HYPERMESH_VECTORS to the folder of test vectors`
  process.stderr.write(`${reason}\n`)
  return reason
}

/** The text of one file. */
export function vectorText(name: string): string {
  const bytes = readFileSync(`${folder}/${name}`)
  return new TextDecoder().decode(name.endsWith('.gz') ? gunzipSync(bytes) : bytes)
}

/** Test cases by group, as Wycheproof and ACVP write them. */
export interface Group<T> {
  readonly publicKey: string | { readonly pk: string }
  readonly parameterSet: string
  readonly tests: readonly T[]
}

export function groupsOf<T>(name: string): readonly Group<T>[] {
  return (JSON.parse(vectorText(name)) as { testGroups: readonly Group<T>[] }).testGroups
}
