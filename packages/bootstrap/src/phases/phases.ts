import { BootstrapError } from '../errors.ts'
import type { PhaseJournal } from '../journal.ts'
import { certified } from './certified.ts'
import { federated } from './federated.ts'
import { ordered } from './ordered.ts'
import type { Passage, Phase } from './phase.ts'

export type { Held, Passage } from './phase.ts'
import { traditional } from './traditional.ts'

/** In the order in which a node goes through them. */
const PHASES: readonly Phase[] = [traditional, certified, ordered, federated]

/** A phase that was left. */
export interface Left {
  readonly phase: number
  readonly name: string
  readonly ms: number
  readonly detail: string
}

/**
 * Takes a node through the phases that it has not left yet. What it has been through is checked again from the
 * journal's proofs; what is new is written there before the next phase begins.
 *
 * @returns The last phase that was left.
 * @throws {BootstrapError} when a phase cannot be entered or its proof does not hold.
 */
export async function goThrough(
  passage: Passage,
  journal: PhaseJournal,
  tell: (left: Left) => void,
): Promise<number> {
  const proofs = new Map(
    journal.lines.filter(({ type }) => type === 'phase').map(({ phase, proof }) => [phase, proof]),
  )
  let last = -1
  for (const phase of PHASES) {
    const start = performance.now()
    const known = proofs.get(phase.number)
    const obstacle = phase.entry(passage)
    // A mesh of one ends with its own ledger: it has nobody to federate with.
    if (obstacle !== undefined && phase === federated) break
    if (obstacle !== undefined) {
      throw new BootstrapError('wrong-phase', `phase ${phase.number} cannot begin: ${obstacle}`)
    }
    const proof = known ?? (await phase.cross(passage))
    const detail = await phase.leave(passage, proof)
    if (known === undefined) await journal.append({ type: 'phase', phase: phase.number, proof })
    last = phase.number
    tell({ phase: phase.number, name: phase.name, ms: performance.now() - start, detail })
  }
  return last
}
