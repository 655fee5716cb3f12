"""Patterns of placeholders and tags, other than those in braces.

Here and in the files beside it, a match never takes more than linear time in all: quantifiers are
possessive or bounded, and a run of letters is entered only at its beginning.
"""

import re

_PRINTF = r"""
    \d*+ %%
    | % \d{1,3} \$ [-+#0]{0,3} (?:\d{1,4}|\*)? (?:\.(?:\d{1,3}|\*))? (?:hh?|ll?|[Lqjzt])? [a-zA-Z@]
    | (?<! [\d%] ) % [-+#0]{0,3} (?:\d{1,4}|\*)? (?:\.(?:\d{1,3}|\*))? (?:hh?|ll?|[Lqjzt])?
      (?: [sdiuf@] | [oxXeEgGcpn] (?! [^\W_] ) )
    | % \( [\w.\ -]{1,80} \) [-#0+]? \d{0,4} (?:\.\d{1,3})? [a-zA-Z]
    | (?<! [\w%] ) % \d{1,2} (?! [\w.,%] )             # Qt's %1
    | (?<! [\w%] ) % [A-Za-z_] [\w.]{1,40} %           # %APPDATA%
"""
_DOLLAR = r"""
    (?<! [\w$\\] ) \$ (?! [\s\d] ) (?= [^$\n]{0,200} [\\^_={}] )
      [^$\n]{1,200}+ (?<! \s ) \$ (?! \w )
    | \\\( [^\n]{1,200}? \\\)                          # LaTeX: $x^2$, \(x\)
    | (?<! [\w$\\] ) \$ [A-Za-z_]\w*+ \$?+             # $name, $NAME$
"""
_COLON = r"""
    (?<! [^\s("'\[>,=] ) : (?: : | [a-z]{2} ) (?: \w++ : (?!\w) | \w*+ )  # :name, :smile:
"""
_BRACKETS = r"""
    \[\[ [^\[\]\n]{1,200} \]\]
    | \[ /? (?: [bius] | url | img | quote | code | size | color | center | list | \* )
      (?: = [^\[\]\n]{0,200} )? \]                     # BBCode
"""
_ANGLES = r"""
    << \s? [\w.:-]++ \s? >>
    | <% [^%>]*+ %>
    | <!-- [^<>]*+ -->
    | < / \s*+ [A-Za-z][\w:.-]*+ \s*+ >
    | < [A-Za-z][\w:.-]*+
      (?: \s++ [\w:@.#*-]++ \s*+ = \s*+ (?: "[^"<>]*+" | '[^'<>]*+' | [^\s"'<>=]++ ) )*+ \s*+ /?+ >
"""
# Only entities of signs: those of letters are part of words.
_ENTITY = r"""
    & (?: amp | lt | gt | quot | apos | nbsp | ensp | emsp | thinsp | shy | zwj | zwnj | [lr]squo
        | [lr]dquo | [lr]aquo | bdquo | sbquo | ndash | mdash | hellip | bull | middot | copy | reg
        | trade | deg | euro | times | [lr]arr | check | \#\d{1,7} | \#[xX][0-9a-fA-F]{1,6} ) ;
    | (?<! [\w&;] ) [A-Z]{1,4} & (?: amp; )? [A-Z]{1,4} (?! [\w&] )       # Q&A, AT&amp;T
"""
_VUE = r"(?<! \w ) @ : \(?+ ['\w.]++ \)?+"
_MENTION = r"(?<! [\w@&/] ) @ (?: \w | [-./] (?=\w) )++"

HASHTAG = re.compile(r"(?<! [\w@&/] ) \# (?: \w | - (?=\w) )++", re.VERBOSE)

PLACEHOLDERS = tuple(
    re.compile(pattern, re.VERBOSE)
    for pattern in (_PRINTF, _DOLLAR, _COLON, _BRACKETS, _ANGLES, _ENTITY, _VUE, _MENTION)
)
