import { sha256 } from '@hypermesh/crypto'

/** Bytes of a leaf of stored space. */
export const SPACE_LEAF_SIZE = 1024

/** Bytes of a label: a leaf is 32 of them. */
export const LABEL_SIZE = 32

/** Labels of one leaf. */
export const LEAF_LABELS: number = SPACE_LEAF_SIZE / LABEL_SIZE

const SEAL: Uint8Array = sha256(new TextEncoder().encode('hypermesh/space-label/1'))

/** What is stored, as a function of who stores it: label after label, none of which can be had without the others. */
export interface Seal {
  /**
   * @param index - Of the label, counted through the whole file.
   * @param previous - Label `index` - 1; 32 zero bytes before the first.
   * @param earlier - Label {@link earlierLabel}; 32 zero bytes before the first.
   */
  label(index: number, previous: Uint8Array, earlier: Uint8Array): Uint8Array
}

/**
 * The seal of one owner. Every label hashes the one before it and one anywhere before that, so a missing leaf costs
 * the labels it hangs on, and those theirs: there is no way to make one leaf alone.
 *
 * @param owner - Ed25519 public key: 32 bytes.
 */
export function sealOf(owner: Uint8Array): Seal {
  const input = new Uint8Array(32 + 8 + 2 * LABEL_SIZE)
  input.set(sha256(SEAL, owner))
  const view = new DataView(input.buffer)
  return {
    label(index, previous, earlier) {
      view.setBigUint64(32, BigInt(index))
      input.set(previous, 40)
      input.set(earlier, 40 + LABEL_SIZE)
      return sha256(input)
    },
  }
}

/**
 * Which earlier label a label hangs on: any below `index`. Only who has the previous label knows it, so nothing can
 * be fetched or computed in advance.
 */
export function earlierLabel(index: number, previous: Uint8Array): number {
  const view = new DataView(previous.buffer, previous.byteOffset, LABEL_SIZE)
  return Number(view.getBigUint64(0) % BigInt(index))
}

/** What the first label hangs on, for want of others. */
export const FIRST: Uint8Array = new Uint8Array(LABEL_SIZE)

/** The leaf that a label lies in. */
export function leafOf(label: number): number {
  return Math.floor(label / LEAF_LABELS)
}

/** A label, counted through the whole file, of the leaf that it lies in. */
export function labelIn(leaf: Uint8Array, label: number): Uint8Array {
  const at = (label % LEAF_LABELS) * LABEL_SIZE
  return leaf.subarray(at, at + LABEL_SIZE)
}
