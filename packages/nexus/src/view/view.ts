import type { MeshEvent } from '../mesh/event.ts'

/** Shows a run to somebody. */
export interface View {
  show(event: MeshEvent): void
  /** Leaves the terminal as it was found. */
  close(): void
}
