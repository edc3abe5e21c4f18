/**
 * The completion script for bash.
 *
 * Pure. @effect/cli 0.77 writes one of its own, but with commas between the words to choose from, where bash wants
 * blanks, and with no way to files: it offers option names instead of a configuration file. Those of fish and zsh are
 * @effect/cli's.
 *
 * @since 0.1.0
 */
import { find } from "../config/directives.js"
import { choicesOf, standardInputOption } from "./arguments.js"

/** Directives whose value is a directory. */
const isDirectory = (name: string): boolean => find(name)?.kind.type === "directory"

/** Directives whose value is a path. */
const isFile = (name: string): boolean => /(file|unixsocket|include)$/.test(name) || name.endsWith("-dir")

const casesOf = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const byWords = new Map<string, Array<string>>()
  const add = (words: string, name: string): void => {
    const options = byWords.get(words) ?? []
    options.push(`--${name}`)
    byWords.set(words, options)
  }
  for (const name of names) {
    const choices = choicesOf(name)
    if (isDirectory(name)) add("-d", name)
    else if (choices.length > 0) add(`-W "${choices.join(" ")}"`, name)
    else if (isFile(name)) add("-f", name)
    // what only the user knows: nothing is offered
    else add("", name)
  }
  return [...byWords].map(([words, options]) =>
    words === ""
      ? `    ${options.join("|")}) ;;`
      : `    ${options.join("|")}) COMPREPLY=($(compgen ${words} -- "$current")) ;;`
  )
}

/**
 * The script.
 *
 * @param names the options to offer
 * @since 0.1.0
 * @category texts
 */
export const bashCompletions = (names: ReadonlyArray<string>): string => {
  const options = [...names, standardInputOption, "completions", "help", "version", "wizard"]
  return `_effect_kv() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local options="${options.map((name) => `--${name}`).join(" ")}"
  COMPREPLY=()
  compopt -o filenames 2>/dev/null
  case "$previous" in
    --completions) COMPREPLY=($(compgen -W "sh bash fish zsh" -- "$current")) ;;
${casesOf(names).join("\n")}
    *)
      if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
      else
        COMPREPLY=($(compgen -f -- "$current"))
      fi ;;
  esac
}
complete -F _effect_kv effect-kv
`
}
