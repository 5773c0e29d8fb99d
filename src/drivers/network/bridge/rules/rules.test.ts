import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { linkLocalOf, rawOf } from './guard.ts'
import { differenceText, wholeText, type Chain, type NamedSet, type Sheet } from './sheet.ts'

/** As much of nft(8) as our text needs: names → members of sets, lines of chains. */
function applied(tables: Map<string, string[]>, text: string): Map<string, string[]> {
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [verb = '', what = '', , , name = '', ...rest] = line.split(' ')
    const content = rest.join(' ')
    const members = () => content.replace(/^\{ | \}$/g, '').split(', ')
    const held = tables.get(name)
    if (what === 'table') continue
    if (verb === 'add' && what === 'element') held?.push(...members())
    else if (verb === 'delete' && what === 'element') {
      for (const key of members()) {
        const at = held?.findIndex((each) => each.split(' : ')[0] === key) ?? -1
        assert.ok(at >= 0, line)
        held?.splice(at, 1)
      }
    } else if (verb === 'add' && what === 'rule') held?.push(content)
    else if (verb === 'flush') held?.splice(0)
    else if (verb === 'add') {
      assert.ok(held === undefined, line)
      tables.set(name, [])
    } else if (verb === 'delete') assert.ok(tables.delete(name), line)
    else assert.fail(line)
    if (verb === 'add' && (what === 'element' || what === 'rule')) assert.ok(held !== undefined, line)
  }
  return tables
}

const word = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const set = fc.record({
  name: word.map((each) => `s${each}`),
  is: fc.constant('set' as const),
  declared: fc.constant('type ipv4_addr;'),
  elements: fc.uniqueArray(word),
})
const chain = fc.record({
  name: word.map((each) => `c${each}`),
  hook: fc.constant(null),
  lines: fc.array(word, { maxLength: 4 }),
})
const sheet = fc
  .tuple(
    fc.uniqueArray(set, { selector: ({ name }) => name }),
    fc.uniqueArray(chain, { selector: ({ name }) => name }),
  )
  .map(([sets, chains]: [NamedSet[], Chain[]]): Sheet => ({ family: 'inet', table: 't', sets, chains }))

const held = ({ sets, chains }: Sheet) =>
  [
    ...sets.map(({ name, elements }) => [name, elements.toSorted()]),
    ...chains.map(({ name, lines }) => [name, lines]),
  ].toSorted()
const holds = (tables: Map<string, string[]>) =>
  [...tables].map(([name, members]) => [name, name.startsWith('s') ? members.toSorted() : members]).toSorted()

test('from any rules to any others, the difference leads to the same as the whole', () => {
  fc.assert(
    fc.property(sheet, sheet, (before, after) => {
      const stand = applied(new Map(), wholeText(before))
      const difference = differenceText(before, after)
      assert.ok(difference !== undefined)
      assert.deepEqual(holds(applied(stand, difference)), held(after))
      assert.equal(differenceText(after, after), '')
    }),
  )
})

test('a hook or a form that changed is made anew', () => {
  const base: Sheet = {
    family: 'inet',
    table: 't',
    sets: [],
    chains: [{ name: 'c', hook: 'type filter', lines: [] }],
  }
  assert.equal(
    differenceText(base, { ...base, chains: [{ name: 'c', hook: 'type nat', lines: [] }] }),
    undefined,
  )
})

test('link-local addresses come from MACs as the kernel makes them', () => {
  assert.equal(linkLocalOf('52:00:00:01:00:0a'), 'fe80::5000:ff:fe01:a')
  assert.equal(rawOf('fd00:77:1::b'), '0xfd00007700010000000000000000000b')
})
