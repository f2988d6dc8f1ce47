import type { MeshEvent } from '../mesh/event.ts'
import { left, linesOf, rate } from './lines.ts'
import { bytes } from './quantity.ts'
import type { View } from './view.ts'

const BAR_CELLS = 24

const CLEAR_LINE = '\r\x1b[K'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

/** Lines, and below them one that moves while the job runs. */
export function terminalView(write: (text: string) => void, columns: () => number): View {
  let bar = ''
  return {
    show: (event) => {
      if (event.event === 'progress') {
        if (bar === '') write(HIDE_CURSOR)
        bar = barOf(event).slice(0, columns() - 1)
        write(CLEAR_LINE + bar)
        if (event.done < event.total) return
        write(`\n${SHOW_CURSOR}`)
        bar = ''
        return
      }
      const lines = linesOf(event)
        .map((line) => `${line}\n`)
        .join('')
      write(bar === '' ? lines : CLEAR_LINE + lines + bar)
    },
    close: () => {
      if (bar !== '') write(`\n${SHOW_CURSOR}`)
      bar = ''
    },
  }
}

function barOf(event: Extract<MeshEvent, { event: 'progress' }>): string {
  const filled = Math.round((event.done / event.total) * BAR_CELLS)
  const cells = '#'.repeat(filled) + '-'.repeat(BAR_CELLS - filled)
  const share = Math.floor((event.done / event.total) * 100)
  return `  job      [${cells}] ${share} %  ${event.done}/${event.total}  ${bytes(rate(event.bytes, event.ms))}/s${left(event)}`
}
