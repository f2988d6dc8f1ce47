/** Longest message the network must carry, in bytes. */
export const MESSAGE_SIZE_MAX: number = 5 * 1024 * 1024

/**
 * Carries messages between nodes. It may lose, repeat, delay and reorder them; it must not forge who sent them.
 *
 * Peers are named by their index in the list of validators. A node that is none (an observer) gets from the
 * transport a number from the list's length upwards: it can ask, and what it says about views is not heard.
 */
export interface Network {
  /** Never throws and never waits: a peer that is gone is a lost message. */
  send(to: number, message: Uint8Array): void
  /** To every other validator, and to the observers it knows. */
  broadcast(message: Uint8Array): void
  /** Called once, with the receiver of all messages. The transport has authenticated `from`. */
  onMessage(receive: (from: number, message: Uint8Array) => void): void
}
