import type { Application, ProofPolicy, Write } from '@hypermesh/consensus'

import type { Invite } from '../invite.ts'
import { assetRule } from './asset.ts'
import { commitmentRule } from './commitment.ts'
import { crossRule } from './cross.ts'
import { issuanceRule } from './issuance.ts'
import { nameRule } from './name.ts'
import { readOperation } from './operation.ts'
import type { Body } from './operation.ts'
import { receiptRule } from './receipt.ts'
import type { Rule, Setting } from './rule.ts'
import { verdictRule } from './verdict.ts'

type Rules = { readonly [T in Body['type']]: Rule<T> }

/**
 * What the mesh's operations mean.
 *
 * @param onProof - Told of every proof that was checked, and whether it held. Has no say in the answer.
 */
export function meshApplication(options: {
  readonly invite: Invite
  readonly policy: ProofPolicy
  readonly onProof: (holds: boolean) => void
}): Application {
  const { invite, policy, onProof } = options
  const rules: Rules = {
    issuance: issuanceRule(invite),
    cross: crossRule,
    name: nameRule,
    commitment: commitmentRule(policy),
    asset: assetRule(policy, onProof),
    receipt: receiptRule,
    verdict: verdictRule,
  }
  return {
    check: (bytes, state, context) => {
      const operation = readOperation(bytes, context.chainId)
      if (!operation) return { ok: false, reason: 'not an operation of this ledger' }
      const { author, body } = operation
      const refusal = judge(rules, body, { author, state, context }).refusal()
      return refusal === undefined ? { ok: true } : { ok: false, reason: refusal }
    },
    apply: (bytes, state, context) => {
      const operation = readOperation(bytes, context.chainId)
      if (!operation) return []
      const { author, body } = operation
      return judge(rules, body, { author, state, context }).writes()
    },
  }
}

interface Judgement {
  refusal(): string | undefined
  writes(): readonly Write[]
}

function judge(rules: Rules, body: Body, setting: Setting): Judgement {
  switch (body.type) {
    case 'issuance':
      return judgement(rules.issuance, body, setting)
    case 'cross':
      return judgement(rules.cross, body, setting)
    case 'name':
      return judgement(rules.name, body, setting)
    case 'commitment':
      return judgement(rules.commitment, body, setting)
    case 'asset':
      return judgement(rules.asset, body, setting)
    case 'receipt':
      return judgement(rules.receipt, body, setting)
    case 'verdict':
      return judgement(rules.verdict, body, setting)
  }
}

function judgement<T extends Body['type']>(
  rule: Rule<T>,
  body: Extract<Body, { readonly type: T }>,
  setting: Setting,
): Judgement {
  return {
    refusal: () => rule.refusal(body, setting),
    writes: () => rule.writes(body, setting),
  }
}
