/** What is wrong with a field, said in a plain sentence; read from the schema's own verdict. */

import type { z } from 'zod'
import { Problem } from '#model/problem.ts'
import { isWellFormed } from '#base/text.ts'
import { isObject } from '#base/json.ts'
import { say, type Facts, type Language, type Sentence } from '#model/sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

/** Why a field is not acceptable; the facts of the problem fill the places. */
export const faults: Readonly<Record<string, Sentence>> = {
  type: s('must be {expected}', '{expected} 형식이어야 합니다'),
  required: s('is needed', '필요합니다'),
  unknown: s('there is no such field', '그런 필드가 없습니다'),
  least: s('must be at least {bound}', '{bound} 이상이어야 합니다'),
  most: s('must be at most {bound}', '{bound} 이하여야 합니다'),
  shortest: s('must have at least {bound} entries or characters', '길이가 {bound} 이상이어야 합니다'),
  longest: s('must have at most {bound} entries or characters', '길이가 {bound} 이하여야 합니다'),
  choice: s('must be one of {choices}', '다음 중 하나여야 합니다: {choices}'),
  form: s('has the wrong form', '형식이 올바르지 않습니다'),
  name: s(
    'must be lower-case letters, digits and hyphens, start and end with a letter or digit, at most 63',
    '소문자, 숫자, 하이픈만 쓰고 글자나 숫자로 시작하고 끝나야 하며 최대 63자입니다',
  ),
  id: s('must not have the form of an id', 'ID 형식일 수 없습니다'),
  text: s('must be well-formed text without control characters', '제어 문자가 없는 올바른 텍스트여야 합니다'),
  labels: s('has too many labels', '레이블이 너무 많습니다'),
  falls: s('may only rise; it is {bound} now', '늘릴 수만 있습니다. 현재 {bound}입니다'),
  more: s('grants more than you hold yourself', '자신의 권한보다 많은 권한을 줄 수 없습니다'),
  pool: s(
    'reaches into the host; it needs the role admin for the whole pool',
    '호스트에 직접 닿는 것이므로 풀 전체의 admin 역할이 필요합니다',
  ),
  needs: s('needs {needed}', '다음이 필요합니다: {needed}'),
  excluded: s('is not for what has {other}', '{other} 항목과 함께 쓸 수 없습니다'),
  bridge: s(
    'needs a network with driver bridge; {network} has driver user',
    'bridge 드라이버 네트워크가 필요합니다. {network}은(는) user 드라이버 네트워크입니다',
  ),
  microvm: s('is not to be had in a microvm', 'microvm에서는 쓸 수 없습니다'),
  multiple: s('must be a multiple of {bound}', '{bound}의 배수여야 합니다'),
  twice: s('is there twice: {value}', '두 번 나옵니다: {value}'),
  taken: s('is a name that Decant uses itself: {value}', 'Decant가 쓰는 이름입니다: {value}'),
  elsewhere: s('belongs to another machine: {value}', '다른 머신의 것입니다: {value}'),
  linked: s(
    'a linked clone lies where its source lies: {datastore}',
    '연결 복제본은 원본이 있는 곳에 있어야 합니다: {datastore}',
  ),
  'image-size': s(
    'must be at least the size of its image, {bound} MiB',
    '이미지 크기인 {bound} MiB 이상이어야 합니다',
  ),
  overcommitted: s(
    'would make datastore {datastore} promise {needed} MiB, more than its bound of {limit} MiB',
    '데이터스토어 {datastore}이(가) {needed} MiB를 약속하게 되어 한도 {limit} MiB를 넘습니다',
  ),
  'other-machine': s('is not of machine {machine}', '머신 {machine}의 것이 아닙니다'),
  passing: s('goes again by itself: {value}', '곧 저절로 사라집니다: {value}'),
  'not-ready': s('is not ready: {value}', '아직 준비되지 않았습니다: {value}'),
  mark: s(
    'is the mark of a secret that is kept, and nothing is kept there',
    '저장된 비밀을 나타내는 표시이지만 그 자리에 저장된 값이 없습니다',
  ),
  'cloud-init': s('line {line}, at {path}: {why}', '{line}번째 줄, {path}: {why}'),
  'message-alone': s(
    'is a message of parts, which other fields cannot be put beside: put a cloud-config among its parts',
    '여러 부분으로 된 메시지이므로 다른 필드와 함께 쓸 수 없습니다. cloud-config를 그 안에 넣으십시오',
  ),
  catalogue: s(
    'is not in the catalogue; `decant image catalogue` lists it',
    '카탈로그에 없습니다. `decant image catalogue`로 목록을 볼 수 있습니다',
  ),
  'own-content': s(
    'has no address to fetch {title} from: import your own file',
    '{title}은(는) 받아 올 주소가 없습니다. 가지고 있는 파일을 가져오십시오',
  ),
  query: s('is not understood here', '여기서 쓸 수 없는 값입니다'),
}

/** A field that is not acceptable, as a problem. `fault` is a key of the table above. */
export function fieldProblem(field: string, fault: string, facts: Facts = {}): Problem {
  const sentence = faults[fault] ?? s(fault, fault)
  return new Problem(
    'request/invalid',
    { field: field === '' ? 'body' : field, why: say(sentence, facts), fault, ...facts },
    { field },
  )
}

/** The sentence of a fault in another language; nothing when it is not in the table. */
export const faultSentence = (fault: string, facts: Facts, language: Language) => {
  const sentence = Object.hasOwn(faults, fault) ? faults[fault] : undefined
  return sentence === undefined ? undefined : say(sentence, facts, language)
}

/** Reads a value by a schema; problem `request/invalid` for the first field at fault. */
export function read<S extends z.ZodType>(schema: S, value: unknown, path = ''): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw issueProblem(result.error.issues[0], path)
}

function issueProblem(issue: z.core.$ZodIssue | undefined, path: string): Problem {
  const field = [path, ...(issue?.path ?? []).map(String)].filter((part) => part !== '').join('.')
  if (issue === undefined) return fieldProblem(field, 'form')
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined && /undefined/.test(issue.message)
        ? fieldProblem(field, 'required')
        : fieldProblem(field, 'type', { expected: issue.expected })
    case 'unrecognized_keys':
      return fieldProblem(
        [field, shortened(issue.keys[0])].filter((part) => part !== '').join('.'),
        'unknown',
      )
    case 'too_small':
      return fieldProblem(field, issue.origin === 'number' || issue.origin === 'int' ? 'least' : 'shortest', {
        bound: Number(issue.minimum),
      })
    case 'too_big':
      return fieldProblem(field, issue.origin === 'number' || issue.origin === 'int' ? 'most' : 'longest', {
        bound: Number(issue.maximum),
      })
    case 'invalid_value':
      return fieldProblem(field, 'choice', { choices: issue.values.map(String).join(', ') })
    case 'custom':
      return fieldProblem(field, issue.message.includes('labels') ? 'labels' : 'text')
    default:
      return fieldProblem(field, field === 'name' || field === 'project' ? 'name' : 'form')
  }
}

const shortened = (key = '') => (key.length > 64 ? `${key.slice(0, 64)}…` : key)

const controls = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

/** Refuses texts that could not be stored or shown safely, wherever they stand. `lines`: paths below which texts may have several lines. */
export function checkTexts(value: unknown, path: string, lines: readonly string[] = []): void {
  if (typeof value === 'string') {
    const hasLines = lines.some((prefix) => path.startsWith(prefix))
    const text = hasLines ? value.replaceAll(/[\n\r\t]/g, ' ') : value
    if (controls.test(text) || !isWellFormed(text)) throw fieldProblem(path, 'text')
    return
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) checkTexts(item, `${path}.${index}`, lines)
    return
  }
  if (!isObject(value)) return
  for (const [name, item] of Object.entries(value)) {
    checkTexts(name, path)
    checkTexts(item, `${path}.${name}`, lines)
  }
}
