" SPDX-License-Identifier: MIT
" The load of vim: files with undo, marks and folds, syntax and highlighting, dictionaries, functions,
" mappings, autocommands, windows, lists of errors; `source` is the directory of its own sources.
set nocompatible hidden undolevels=1000 history=200
highlight Todo ctermfg=1
let files = ['undo.c', 'fold.c', 'mark.c', 'hashtab.c', 'blob.c', 'tag.c', 'match.c']
for f in files
	exe 'edit ' .. g:source .. '/' .. f
	setlocal foldmethod=manual
	for i in range(1, 400, 8)
		exe i .. ',' .. (i + 3) .. 'fold'
		exe (i + 1) .. 's/a/A/ge'
		let &undolevels = &undolevels
		call append(i, ['one more line', 'and another'])
		let &undolevels = &undolevels
		exe (i + 5) .. 'delete x'
	endfor
	call setpos("'a", [0, 10, 1, 0])
	call matchadd('Todo', 'XXX\|TODO')
endfor
let records = []
let by_name = {}
for i in range(1200)
	let r = #{id: i, name: 'item ' .. i, tags: ['a' .. i % 7, i, i * 1.5], nested: #{even: i % 2 == 0, blob: 0z1234}}
	call add(records, r)
	let by_name[r.name] = r
endfor
let Partials = map(range(200), {i -> function('printf', ['%d ' .. i])})
let closures = map(range(100), {i -> {x -> x + i}})
for i in range(300)
	exe 'nnoremap <Leader>' .. i .. ' :echo ' .. i .. '<CR>'
	exe 'iabbrev word' .. i .. ' the word ' .. i
	exe 'command! -nargs=* Command' .. i .. ' echo <q-args> ' .. i
	exe 'augroup group' .. (i % 20) .. "\nautocmd BufRead *.x" .. i .. ' let b:kind = ' .. i .. "\naugroup END"
	exe 'highlight Colour' .. i .. ' ctermfg=' .. (i % 16) .. ' guifg=#12' .. printf('%02x', i % 256) .. '56'
	exe 'syntax keyword Colour' .. i .. ' word' .. i .. ' other' .. i
	exe 'syntax region Region' .. i .. ' start=/begin' .. i .. '/ end=/end/ contains=Colour' .. i
	exe 'syntax match Match' .. i .. ' /\<m' .. i .. '\d\+\>/'
	exe "function! Work" .. i .. "(one, two = 2, ...) abort\n  let x = a:one + a:two\n  if x > " .. i .. "\n    return x\n  endif\n  return s:other(x)\nendfunction"
	exe 'let @' .. nr2char(97 + i % 26) .. ' = "register ' .. i .. '"'
	call histadd(':', 'echo ' .. i)
	exe 'digraphs ' .. nr2char(65 + i % 26) .. nr2char(97 + i / 26) .. ' ' .. (1000 + i)
	exe 'sign define sign' .. i .. ' text=xx'
	exe 'sign place ' .. (i + 1) .. ' line=' .. (i + 1) .. ' name=sign' .. i .. ' buffer=1'
endfor
exe 'silent vimgrep /static/j ' .. g:source .. '/*.h'
call setloclist(0, map(range(300), {i -> #{bufnr: 1, lnum: i + 1, text: 'entry ' .. i}}))
call prop_type_add('kind', #{highlight: 'Todo'})
for i in range(1, 200)
	call prop_add(i, 1, #{type: 'kind', length: 2})
endfor
split | vsplit | tabnew
function! Outer(a)
	let mine = [a:a, {'k': a:a}]
	call Inner(mine)
endfunction
function! Inner(list)
	verbose echo 'ready'
	call input('')
endfunction
call Outer('x')
