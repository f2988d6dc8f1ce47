import type { MeshEvent } from '../mesh/event.ts'
import type { View } from './view.ts'

/** One JSON object a line; the last is the summary, bare. */
export function jsonView(write: (text: string) => void): View {
  return {
    show: (event: MeshEvent) => {
      write(`${JSON.stringify(event.event === 'summary' ? event.summary : event)}\n`)
    },
    close: () => {},
  }
}
