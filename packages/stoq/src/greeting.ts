import type { PeerAuthenticator } from './authenticator.ts'
import { StoqError } from './errors.ts'
import { frameType } from './frame.ts'
import type { FrameType } from './frame.ts'
import type { Frames } from './frames.ts'
import { checkHello, decodeRefusal, encodeRefusal, helloCodec } from './hello.ts'
import type { Refusal } from './hello.ts'
import { CREDENTIAL_SIZE_MAX } from './limits.ts'

/** Who speaks at this end, and by whose judgement. */
export interface Speaker {
  readonly key: Uint8Array
  readonly instance: Uint8Array
  /** The one in force now: it can change while a greeting is under way. */
  authenticator(): PeerAuthenticator
  /** The authenticator threw. */
  onFault(error: unknown): void
}

/** A peer that this node admits, and that admitted this node. */
export interface Admitted {
  readonly ok: true
  readonly name: string
  readonly instance: Uint8Array
}

/** `ours`: this node turned the peer away; else the peer did. */
export interface TurnedAway {
  readonly ok: false
  readonly ours: boolean
  readonly refusal: Refusal
}

export type Greeting = Admitted | TurnedAway

/** Takes the peer in, at once, or says why not. Nothing happens between the last judgement and this call. */
export type Settle = (admitted: Admitted) => Refusal | undefined

/** The side that opened the lane: hello; then it hears hello and admit; then admit. */
export async function introduce(
  frames: Frames,
  speaker: Speaker,
  remote: Uint8Array,
  settle: Settle,
): Promise<Greeting> {
  await frames.send(frameType.hello, ownHello(speaker, remote))
  const answer = await expect(frames, frameType.hello)
  if (!answer.ok) return answer
  const checked = checkHello(answer.payload, { self: speaker.key, remote })
  if (!checked.ok) return turnAway(frames, checked.refusal)
  const admit = await expect(frames, frameType.admit)
  if (!admit.ok) return admit
  const { credential, instance } = checked.hello
  const judged = await judge(speaker, { key: remote, credential }, instance)
  if (!judged.ok) return turnAway(frames, judged.refusal)
  const refusal = settle(judged)
  if (refusal) return turnAway(frames, refusal)
  await frames.send(frameType.admit)
  return judged
}

/** The other side: it hears a hello; hello and admit; then it hears admit. */
export async function answer(
  frames: Frames,
  speaker: Speaker,
  remote: Uint8Array,
  rules: {
    /** May wait, and turn away a peer that was admitted. */
    readonly screen: (instance: Uint8Array) => Promise<Refusal | undefined>
    /** From here on the peer may already speak. */
    readonly onAnswer: () => void
    readonly settle: Settle
  },
): Promise<Greeting> {
  const first = await expect(frames, frameType.hello)
  if (!first.ok) return first
  const checked = checkHello(first.payload, { self: speaker.key, remote })
  if (!checked.ok) return turnAway(frames, checked.refusal)
  const { credential, instance } = checked.hello
  const before = await judge(speaker, { key: remote, credential }, instance)
  if (!before.ok) return turnAway(frames, before.refusal)
  const screened = await rules.screen(instance)
  if (screened) return turnAway(frames, screened)
  rules.onAnswer()
  await frames.send(frameType.hello, ownHello(speaker, remote))
  await frames.send(frameType.admit)
  const admit = await expect(frames, frameType.admit)
  if (!admit.ok) return admit
  // The authenticator may have changed during the wait, and this lane is on nobody's list yet.
  const judged = await judge(speaker, { key: remote, credential }, instance)
  if (!judged.ok) return turnAway(frames, judged.refusal)
  const refusal = rules.settle(judged)
  return refusal ? turnAway(frames, refusal) : judged
}

function ownHello(speaker: Speaker, to: Uint8Array): Uint8Array {
  const credential = speaker.authenticator().credential()
  checkCredential(credential)
  return helloCodec.encode({ from: speaker.key, to, instance: speaker.instance, credential })
}

/** @throws {StoqError} `bad-credential` when it is longer than `CREDENTIAL_SIZE_MAX`. */
export function checkCredential(credential: Uint8Array): void {
  if (credential.length > CREDENTIAL_SIZE_MAX) {
    throw new StoqError('bad-credential', `a credential of ${credential.length} bytes`)
  }
}

// Asks until the authenticator that answered is the one in force.
async function judge(
  speaker: Speaker,
  peer: { readonly key: Uint8Array; readonly credential: Uint8Array },
  instance: Uint8Array,
): Promise<Greeting> {
  for (;;) {
    const authenticator = speaker.authenticator()
    try {
      const admission = await authenticator.authenticate(peer)
      if (authenticator !== speaker.authenticator()) continue
      if (admission.ok) return { ok: true, name: admission.name, instance }
      return refused({ code: 'not-authenticated', reason: admission.reason })
    } catch (error) {
      speaker.onFault(error)
      return refused({ code: 'not-authenticated', reason: 'the authenticator failed' })
    }
  }
}

async function expect(
  frames: Frames,
  type: FrameType,
): Promise<{ readonly ok: true; readonly payload: Uint8Array } | TurnedAway> {
  const next = await frames.next()
  if (next.ok && next.frame.type === type) return { ok: true, payload: next.frame.payload }
  if (next.ok && next.frame.type === frameType.refuse) {
    return { ok: false, ours: false, refusal: decodeRefusal(next.frame.payload) }
  }
  const found = next.ok ? `frame ${next.frame.type}` : next.code
  return turnAway(frames, { code: 'malformed', reason: `frame ${type} is due, not ${found}` })
}

async function turnAway(frames: Frames, refusal: Refusal): Promise<TurnedAway> {
  await frames.send(frameType.refuse, encodeRefusal(refusal))
  return refused(refusal)
}

function refused(refusal: Refusal): TurnedAway {
  return { ok: false, ours: true, refusal }
}
