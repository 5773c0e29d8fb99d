/** A sentence in each language that a person may choose, with places for facts: `Host {host} …`. */

export const languages = ['en', 'ko'] as const
export type Language = (typeof languages)[number]

export type Sentence = { readonly [L in Language]: string }

/** What a sentence's places are filled with. Never a secret: facts travel to logs and screens. */
export type Facts = Readonly<Record<string, string | number | boolean>>

/** Fills the places. A place without a fact stays visible, so that a slip is seen, not hidden. */
export const say = (sentence: Sentence, facts: Facts = {}, language: Language = 'en'): string =>
  sentence[language].replace(/\{(\w+)\}/g, (place, name: string) =>
    Object.hasOwn(facts, name) ? String(facts[name]) : place,
  )
