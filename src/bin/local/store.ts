/** `decant store backup|restore|check`: copies of the store and the way back, without a running API. */

import { chownSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { argumentsFrom, usage } from '#cli/arguments.ts'
import type { Context } from '#cli/command.ts'
import { backupSqlite, restoreSqlite } from '#drivers/store/sqlite/backup.ts'
import { checkSqlite } from '#drivers/store/sqlite/check.ts'
import { Problem } from '#model/problem.ts'
import { layoutOf, type Layout } from '../layout.ts'
import { isHeld, supervisorOf } from './supervisor.ts'
import { text } from './words.ts'

/** What root put there must belong to the controller, who is not root. */
function giveToController({ controller }: Layout) {
  const { uid, gid } = statSync(controller)
  for (const name of readdirSync(controller)) chownSync(join(controller, name), uid, gid)
}

async function backup(context: Context, layout: Layout, file: string): Promise<number> {
  const report = backupSqlite(layout.controller, resolve(file))
  const { revision } = report
  if (context.options.format !== 'table') await context.paper.data(report)
  else context.paper.line(text(context, 'store-backed-up', { revision, file: report.file }))
  return 0
}

async function restore(context: Context, layout: Layout, file: string): Promise<number> {
  if (isHeld(layout)) {
    throw new Problem('store/locked', { pid: supervisorOf(layout) ?? '?', path: layout.data })
  }
  if (!existsSync(layout.controller)) throw new Problem('store/no-file', { path: layout.controller })
  const { report, kept } = restoreSqlite(resolve(file), layout.controller)
  giveToController(layout)
  const { entries } = report
  if (context.options.format !== 'table') await context.paper.data({ ...report, kept })
  else
    context.paper.line(text(context, 'store-restored', { entries, kept: kept ?? text(context, 'nothing') }))
  return 0
}

async function check(context: Context, layout: Layout, file: string | undefined): Promise<number> {
  const report = checkSqlite(file === undefined ? layout.controller : resolve(file))
  if (context.options.format !== 'table') await context.paper.data(report)
  else if (report.whole) {
    const { file, revision, entries, claims } = report
    context.paper.line(text(context, 'store-whole', { file, revision, entries, claims }))
  }
  if (!report.whole && context.options.format === 'table')
    throw new Problem('store/corrupt', { why: report.why })
  return report.whole ? 0 : 1
}

export async function run(argv: readonly string[], context: Context): Promise<number> {
  const { language, data } = context.options
  const { operands } = argumentsFrom(argv, [], language)
  const [action, file, extra] = operands
  const layout = layoutOf(data)
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
  if (action === 'check') return await check(context, layout, file)
  if (action !== 'backup' && action !== 'restore')
    throw usage(language, 'operand-missing', { what: 'backup FILE, restore FILE or check [FILE]' })
  if (file === undefined) throw usage(language, 'operand-missing', { what: 'FILE' })
  return await (action === 'backup' ? backup : restore)(context, layout, file)
}
