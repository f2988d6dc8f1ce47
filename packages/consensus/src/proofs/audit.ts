import { equal, field, record, verify } from '@hypermesh/crypto'
import type { Codec, Field, SigningKey } from '@hypermesh/crypto'

import { headerHash } from '../header.ts'
import type { Header } from '../header.ts'
import { faultsOf, VALIDATORS_MAX } from '../validator.ts'
import type { Validator } from '../validator.ts'
import { anchorFields, verifyAnchor } from './anchor.ts'
import type { Anchor, ProofTerms } from './anchor.ts'
import { beacon, draw } from './beacon.ts'
import { refuse } from './refusal.ts'
import type { ProofVerdict, WorkFault } from './refusal.ts'
import { outputsHash, reExecute, verifyOutputs, WORK_DRAWS, WORK_PATH_MAX } from './work.ts'
import type { Output, Pause, WorkCommitment } from './work.ts'

/** An auditor's word that it has computed the drawn units again, and found the same. */
export interface Attestation {
  /** Its index among the validators. */
  readonly auditor: number
  readonly signature: Uint8Array
}

/** What an owner sends to an auditor. */
export interface AuditRequest extends Anchor {
  readonly owner: Uint8Array
  readonly outputs: readonly Output[]
}

interface Finding {
  readonly chainId: Uint8Array
  readonly auditor: number
  readonly owner: Uint8Array
  /** Hash of the header whose beacon drew the units. */
  readonly header: Uint8Array
  /** Of the work. */
  readonly root: Uint8Array
  readonly outputs: Uint8Array
}

const hash = field.bytes({ length: 32 })

const findingCodec: Codec<Finding> = record('hypermesh/audit-finding', 1, 512, {
  chainId: hash,
  auditor: field.count({ max: VALIDATORS_MAX - 1 }),
  owner: hash,
  header: hash,
  root: hash,
  outputs: hash,
})

const attestationFields = {
  auditor: field.count({ max: VALIDATORS_MAX - 1 }),
  signature: field.bytes({ length: 64 }),
}

/** An attestation inside another record. */
export const attestationField: Field<Attestation> = field.record(attestationFields)

export const attestationCodec: Codec<Attestation> = record(
  'hypermesh/attestation',
  1,
  256,
  attestationFields,
)

/** The outputs of drawn units inside another record. */
export const outputsField: Field<readonly Output[]> = field.list(
  field.record({ output: hash, path: field.list(hash, { max: WORK_PATH_MAX }) }),
  { max: WORK_DRAWS },
)

/** Longest encoding of an audit request, in bytes. */
export const AUDIT_REQUEST_SIZE_MAX: number = 48 * 1024

export const auditRequestCodec: Codec<AuditRequest> = record(
  'hypermesh/audit-request',
  1,
  AUDIT_REQUEST_SIZE_MAX,
  { ...anchorFields, owner: hash, outputs: outputsField },
)

/**
 * The validators that a header's beacon draws to audit an owner, in the order to ask them: one more than may be
 * down, never the owner. None where the owner is the only validator: it takes another to check its work.
 *
 * @returns Indices into `validators`.
 */
export function drawAuditors(
  header: Header,
  owner: Uint8Array,
  validators: readonly Validator[],
): readonly number[] {
  const others = [...validators.keys()].filter((index) => {
    const key = validators[index]?.key
    return key !== undefined && !equal(key, owner)
  })
  const count = Math.min(faultsOf(validators.length) + 1, others.length)
  return draw(beacon(header, owner), 'auditor', count, others.length).flatMap((place) =>
    others.slice(place, place + 1),
  )
}

/**
 * The auditor's side: checks what the request stands on, computes the drawn units again, and signs.
 *
 * @param bytes - An encoded {@link AuditRequest}, from a peer.
 * @param options.key - Ed25519, of a validator.
 * @returns The attestation, encoded.
 */
export async function audit(
  bytes: Uint8Array,
  options: ProofTerms & { readonly key: SigningKey; readonly pause: Pause },
): Promise<ProofVerdict<{ readonly attestation: Uint8Array }>> {
  const decoded = auditRequestCodec.decode(bytes)
  if (!decoded.ok) return refuse({ part: 'encoding', code: decoded.refusal.code })
  const request = decoded.value
  const { header, owner, outputs } = request
  const { key, validators, pause } = options
  const auditor = validators.findIndex((validator) => equal(validator.key, key.publicKey))
  // Drawn first: nobody can make every validator work for one proof.
  if (!drawAuditors(header, owner, validators).includes(auditor)) {
    return refuse({ part: 'work', code: 'not-drawn' })
  }
  const anchor = verifyAnchor(request, owner, options)
  if (!anchor.ok) return anchor
  const { work } = anchor.recorded.commitment
  const seed = beacon(header, owner)
  if (!verifyOutputs(work, seed, outputs)) return refuse({ part: 'work', code: 'wrong-path' })
  if (!(await reExecute(owner, work, seed, outputs, pause))) {
    return refuse({ part: 'work', code: 'wrong-output' })
  }
  const finding = findingBytes({ auditor, owner, header, work, outputs })
  return {
    ok: true,
    attestation: attestationCodec.encode({ auditor, signature: key.sign(finding) }),
  }
}

/** Are these the drawn outputs of the committed work, and does an auditor who was drawn vouch for them? */
export function verifyAudit(
  { header, owner, work, outputs }: Omit<Audited, 'auditor'>,
  { auditor, signature }: Attestation,
  validators: readonly Validator[],
): WorkFault | undefined {
  if (!verifyOutputs(work, beacon(header, owner), outputs)) return 'wrong-path'
  const key = validators[auditor]?.key
  if (key === undefined || !drawAuditors(header, owner, validators).includes(auditor)) {
    return 'not-drawn'
  }
  const finding = findingBytes({ auditor, owner, header, work, outputs })
  return verify('ed25519', key, finding, signature) ? undefined : 'bad-signature'
}

interface Audited {
  readonly auditor: number
  readonly owner: Uint8Array
  readonly header: Header
  readonly work: WorkCommitment
  readonly outputs: readonly Output[]
}

function findingBytes({ auditor, owner, header, work, outputs }: Audited): Uint8Array {
  return findingCodec.encode({
    chainId: header.chainId,
    auditor,
    owner,
    header: headerHash(header),
    root: work.root,
    outputs: outputsHash(outputs),
  })
}
