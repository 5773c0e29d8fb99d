/** The few pages for people: what this is, the machines, signing in, the reference. Plain HTML, no script. */

import { at, isObject } from '#base/json.ts'
import { machine } from '#kinds/machine/schema.ts'
import { kindNamed } from '#kinds/registry.ts'
import { present } from '#base/assert.ts'
import type { Principal } from '#model/access.ts'
import { say, type Facts, type Language } from '#model/sentence.ts'
import { Problem } from '#model/problem.ts'
import type { Room } from './api.ts'
import { Html, html, htmlFromMarkdown } from './html.ts'
import { cookieNames, cookieValue } from './identity.ts'
import { languageFrom, reasonSentence } from './language.ts'
import { listingFrom, pageOf } from './list.ts'
import { identityOfHeaders } from './proofs.ts'
import { oneOf } from './query.ts'
import { pages, referencePage } from './reference.ts'
import type { Answer, Call, Route } from './route.ts'
import { csrfFor } from './secrets.ts'
import { style } from './style.ts'
import { sightOf } from './visibility.ts'
import { words } from './words.ts'

const shared = { method: 'GET', role: 'anyone', scope: 'none', isChange: false } as const

export const pageRoutes = (room: () => Room): Route[] => [
  {
    ...shared,
    path: '/',
    summary: 'What this is, and your machines',
    action: 'page.home',
    answers: 'HTML',
    handle: (call) => home(room(), call),
  },
  {
    ...shared,
    path: '/sign-in',
    summary: 'The page behind a sign-in link: a button that uses it',
    action: 'page.sign-in',
    answers: 'HTML',
    handle: async (call) => signInPage(call),
  },
  {
    ...shared,
    path: '/decant.css',
    summary: 'How the pages look',
    action: 'page.style',
    answers: 'CSS',
    handle: async () => ({
      status: 200,
      headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'max-age=300' },
      body: style,
    }),
  },
  {
    ...shared,
    path: '/docs',
    summary: 'The reference',
    action: 'page.docs',
    answers: 'HTML',
    handle: async ({ request }) => docs(room(), languageFrom(request.headers['accept-language']), 'api'),
  },
  {
    ...shared,
    path: '/docs/:page',
    summary: 'One page of the reference',
    action: 'page.docs',
    answers: 'HTML',
    handle: async ({ request, params }) =>
      docs(room(), languageFrom(request.headers['accept-language']), params.page ?? ''),
  },
]

type Sheet = {
  readonly language: Language
  readonly title: string
  readonly aside?: Html | undefined
  readonly body: Html
  readonly refreshSeconds?: number
}

function sheet({ language, title, aside, body, refreshSeconds }: Sheet): Answer {
  const word = (name: keyof typeof words) => say(words[name], {}, language)
  const refresh =
    refreshSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`
  const page = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refresh}
        <title>${title}</title>
        <link rel="stylesheet" href="/decant.css" />
      </head>
      <body>
        <header>
          <strong>Decant</strong>
          <nav>
            <a href="/">${say(machine.title, {}, language)}</a><a href="/docs">${word('reference')}</a>
          </nav>
          ${aside}
        </header>
        <main>${body}</main>
      </body>
    </html> `
  const headers = { 'content-type': 'text/html; charset=utf-8', vary: 'accept-language, cookie' }
  return { status: 200, headers, body: page.text }
}

const speaker =
  (language: Language) =>
  (name: keyof typeof words, facts: Facts = {}) =>
    say(words[name], facts, language)

async function home(room: Room, { request }: Call): Promise<Answer> {
  const language = languageFrom(request.headers['accept-language'])
  const word = speaker(language)
  const principal = await signedIn(room, request.headers)
  const lead = html`<h1>${word('what')}</h1>`
  if (principal === undefined) {
    const body = html`${lead}
      <div class="card">
        <p>${word('signedOut')}</p>
        <p class="quiet">${word('howToSignIn')}</p>
      </div>`
    return sheet({ language, title: 'Decant', body })
  }
  const secret = cookieValue(request.headers.cookie, cookieNames(room.isSecure).session)
  const out =
    secret === undefined
      ? ''
      : html`<form method="post" action="/sign-out">
          <input type="hidden" name="csrf" value="${csrfFor(secret)}" /><button class="quiet">
            ${word('signOut')}
          </button>
        </form>`
  const aside = html`<span>${word('signedInAs', { user: principal.user })} ${out}</span>`
  return sheet({
    language,
    title: 'Decant',
    aside,
    body: html`${lead}${machines(room, principal, language)}`,
    refreshSeconds: 15,
  })
}

/** A cookie that proves nothing any more is no error on this page. */
async function signedIn(
  room: Room,
  headers: Readonly<Record<string, unknown>>,
): Promise<Principal | undefined> {
  try {
    return (await identityOfHeaders(room, headers))?.principal
  } catch (error) {
    if (error instanceof Problem) return undefined
    throw error
  }
}

function machines(room: Room, principal: Principal, language: Language): Html {
  const word = speaker(language)
  const kind = present(kindNamed(machine.name), 'machines are a kind')
  const { items, total } = pageOf(
    room.desk.replica.all(kind.name),
    sightOf(principal, kind, room.kinds),
    listingFrom(new Map([['limit', ['200']]])),
  )
  if (total === 0) return html`<div class="card"><p>${word('noMachines')}</p></div>`
  const columns = kind.columns.filter(({ as }) => as !== 'age')
  const heads = [word('name'), word('project'), ...columns.map(({ title }) => title[language]), word('why')]
  const rows = items.map(({ document }) => {
    const cells = columns.map(({ path, as }) => {
      const value = at(document, path)
      const text =
        value === null || value === undefined ? '' : `${String(value)}${as === 'MiB' ? ' MiB' : ''}`
      return path === 'status.state'
        ? html`<td><span class="state ${text}">${text}</span></td>`
        : html`<td>${text}</td>`
    })
    return html`<tr>
      <td>${document.name}</td>
      <td>${document.project}</td>
      ${cells}
      <td class="quiet">${whyOf(document.status, language)}</td>
    </tr> `
  })
  const more =
    total > items.length ? html`<p class="quiet">${word('more', { shown: items.length, total })}</p>` : ''
  return html`<div class="card">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th>${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${more}
  </div>`
}

function whyOf(status: unknown, language: Language): string {
  const holds = at(status, 'holds')
  const said = (Array.isArray(holds) ? holds : []).map((hold) =>
    isObject(hold)
      ? reasonSentence(hold.code, isObject(hold.facts) ? (hold.facts as Facts) : {}, language)
      : '',
  )
  return said.filter((sentence) => sentence !== undefined && sentence !== '').join(' · ')
}

function signInPage({ query, request }: Call): Answer {
  const language = languageFrom(request.headers['accept-language'])
  const word = speaker(language)
  const link = oneOf(query, 'link') ?? ''
  const body = html`<h1>${word('signIn')}</h1>
    <div class="card">
      <p>${word('signInWhy')}</p>
      <form method="post" action="/sign-in">
        <input type="hidden" name="link" value="${link.slice(0, 128)}" /><button>${word('signIn')}</button>
      </form>
    </div>`
  return sheet({ language, title: `${word('signIn')} · Decant`, body })
}

function docs({ routes, kinds }: Room, language: Language, name: string): Answer {
  const page = pages.find((page) => page === name)
  if (page === undefined) throw new Problem('request/not-found')
  const links = pages.map((page) => html`<a href="/docs/${page}">${page}</a> `)
  const body = html`<p>${links}<a href="/api/openapi.json">OpenAPI</a></p>
    ${htmlFromMarkdown(referencePage(page, routes, kinds))}`
  return sheet({ language, title: `${name} · Decant`, body })
}
