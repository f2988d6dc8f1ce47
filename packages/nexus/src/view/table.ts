import type { Table } from '../job.ts'

const DIGITS = 2

/** The first rows in columns: numbers to the right, everything else to the left. */
export function tableLines({ columns, rows, shown }: Table): readonly string[] {
  const head = columns.map((column) => ({ text: column, isNumber: false }))
  const body = rows.slice(0, shown).map((row) => {
    return columns.map((column) => cell(row[column]))
  })
  const widths = columns.map((_, i) =>
    Math.max(...[head, ...body].map((line) => line[i]?.text.length ?? 0)),
  )
  const isNumber = columns.map((_, i) => body.every((line) => line[i]?.isNumber ?? false))
  const lines = [head, ...body].map((line) =>
    line
      .map(({ text }, i) =>
        isNumber[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0),
      )
      .join('   '),
  )
  const more = rows.length - body.length
  return [...lines.map((line) => `    ${line}`), ...(more > 0 ? [`    and ${more} more`] : [])]
}

function cell(value: unknown): { readonly text: string; readonly isNumber: boolean } {
  if (typeof value !== 'number') return { text: String(value), isNumber: false }
  return {
    text: Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(DIGITS),
    isNumber: true,
  }
}
