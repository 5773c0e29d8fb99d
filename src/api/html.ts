/** HTML made from texts: everything is escaped unless it is already HTML. */

export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const marks: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const escaped = (text: string) => text.replace(/[&<>"']/g, (mark) => marks[mark] ?? mark)

const shown = (value: unknown): string => {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(shown).join('')
  return value === undefined || value === null ? '' : escaped(String(value))
}

/** A template whose places are escaped. */
export const html = (parts: TemplateStringsArray, ...values: readonly unknown[]) =>
  new Html(parts.reduce((text, part, at) => text + part + (at < values.length ? shown(values[at]) : ''), ''))

const inline = (text: string) =>
  new Html(
    escaped(text.replaceAll('\\|', '|'))
      .replace(/`([^`]*)`/g, '<code>$1</code>')
      .replace(/\*\*([^*]*)\*\*/g, '<strong>$1</strong>'),
  )

const anchor = (title: string) =>
  title
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')

const cellsOf = (line: string) =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim())

function tableFrom(lines: readonly string[]): Html {
  const [heads = '', , ...rows] = lines
  return html`<table>
    <thead>
      <tr>
        ${cellsOf(heads).map((cell) => html`<th>${inline(cell)}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (line) =>
          html`<tr>
            ${cellsOf(line).map((cell) => html`<td>${inline(cell)}</td>`)}
          </tr> `,
      )}
    </tbody>
  </table> `
}

/** The few forms of Markdown that our own reference uses: headings, tables, lists, paragraphs. */
export function htmlFromMarkdown(markdown: string): Html {
  const blocks = markdown.replace(/<!--[\s\S]*?-->/g, '').split(/\n{2,}/)
  return html`${blocks.map((block) => {
    const lines = block.split('\n').filter((line) => line !== '')
    const [first = ''] = lines
    const [, level, title] = /^(#{1,3}) (.*)$/.exec(first) ?? []
    if (title !== undefined)
      return new Html(`<h${level?.length} id="${anchor(title)}">${inline(title).text}</h${level?.length}>\n`)
    if (first.startsWith('|')) return tableFrom(lines)
    if (first.startsWith('- '))
      return html`<ul>
        ${lines.map((line) => html`<li>${inline(line.slice(2))}</li>`)}
      </ul> `
    return lines.length === 0 ? '' : html`<p>${inline(lines.join(' '))}</p> `
  })}`
}
