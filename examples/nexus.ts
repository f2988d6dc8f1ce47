/**
 * A job of one's own: how often each letter occurs, counted in three parts.
 *
 *     nexus mesh examples/nexus.ts
 */

import type { MeshJob } from '@hypermesh/nexus'

// Runs in a sandbox on whichever node is free, so it uses nothing but the language.
function main(input: Uint8Array): string {
  const counts: Record<string, number> = {}
  for (const byte of input) {
    const letter = String.fromCharCode(byte)
    counts[letter] = (counts[letter] ?? 0) + 1
  }
  return JSON.stringify(counts)
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const job: MeshJob = {
  name: 'letters',
  title: 'how often each letter occurs',
  program: { language: 'javascript', source: String(main) },
  parts: async () => ['on whichever machine', 'is free', 'safely'].map(bytes),
  // What the mesh must come to as well, to the last byte.
  plain: (part) => bytes(main(part)),
  table(outputs) {
    const counts = outputs.map((output) => JSON.parse(new TextDecoder().decode(output)))
    const letters = [...new Set(counts.flatMap(Object.keys))].sort()
    const rows = letters.map((letter) => ({
      letter,
      count: counts.reduce((sum, part) => sum + (part[letter] ?? 0), 0),
    }))
    return { columns: ['letter', 'count'], rows, shown: 10 }
  },
}
