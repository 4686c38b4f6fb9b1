"""What contracts say about liability, indemnification, limits of damages and termination (English)."""

from __future__ import annotations

import re

from .topics import Subject, Topic


def _said(alternatives: str, *, any_case: bool = True) -> re.Pattern[str]:
    """Compile patterns of whole words, set apart by two spaces or a new line."""
    each = re.split(r"\s{2,}", alternatives.strip())
    return re.compile(rf"\b(?:{'|'.join(each)})\b", re.IGNORECASE if any_case else 0)


# Contracts write their parties as defined terms ("the Supplier"); consumer terms say "we" and "you".
_WHO = _said(
    r"""
    (?i:neither|either|each|both|any|no|one|the other|a|another) (?i:part(?:y|ies)|side|of the parties)
    (?i:the parties|parties|we|you|us)  I (?:am|will|agree|release|accept|waive)
    (?i:the|a|any|every|each|no|such) (?!Agreement|Contract|Section|Article|Clause|Term|Effective)[A-Z]\w+
    (?i:participant|user|partner|supplier|vendor|(?:service )?provider|client|customer|(?:sub)?contractor)s?
    (?i:licen[sc](?:or|ee)|less(?:or|ee)|seller|buyer|purchaser|landlord|tenant|consultant|company|employer)s?
    (?i:employee|carrier|operator|distributor|reseller|manufacturer|agency|bank|borrower|lender|insurer|merchant|host)s?
    """,
    any_case=False,
)

# A keyword alone is a mention. These are the words with which it is imposed, borne or refused.
_ANSWERS = _said(
    r"""
    (?:is|are|be|held|become|remains?) (?:\w+ ){0,3}(?:liable|answerable|accountable|responsible|at fault)
    liability  responsibility  fault  blame  strict(?:ly)? liable  at (?:the|its|their|his) own risk
    answers? (?:\w+ )?for  mak(?:e|es|ing) (?:good|whole|up for|amends)  made whole  stands? behind
    compensat(?:e|es|ed|ion)  reimburse(?:s|d|ment)?  repay  remedy  rectify
    (?:bears?|borne|carr(?:y|ies)|assumes?|takes on) (?:\w+ ){0,4}(?:costs?|risks?|loss(?:es)?|damages?)
    (?:bears?|absorbs?|shoulders?|meets?) (?:\w+ ){0,4}(?:costs?|loss(?:es)?|expenses?|consequences)
    accepts? (?:\w+ ){0,3}(?:risks?|responsibility|liability)  owes? (?:\w+ ){0,3}(?:damages|compensation)
    """
)
_LOSS = _said(
    r"""
    loss(?:es)?  lost  damage[sd]?  harm(?:ed)?  injur(?:y|ies|ed)  death  spoil(?:ed|t)  broken
    accidents?  pollution  negligen(?:ce|t)  misconduct  fraud  breach(?:es)?  defects?  defective
    failures?  fail(?:s|ed)?  errors?  delays?  corrupt(?:s|ed)?  destr(?:oy(?:ed)?|uction)  infring\w+
    wrong(?:ful)?  badly  right  consequences  claims?  acts? (?:or|and) omissions?
    """
)
_SHIELDS = _said(
    r"""
    indemnif(?:y|ies|ied|ying)  indemnit(?:y|ies)  defends?  defen[cs]e  steps? in  stands? in for
    (?:hold|save|keep)s? .{0,60}?(?:harmless|indemnified|free (?:and clear )?(?:from|of)|clear of)
    held .{0,60}?harmless  mak(?:e|es) (?:\w+ ){0,3}whole  reimburse(?:s|d)?  refunds?  covers?
    pays? (?:\w+ ){0,5}(?:settlements?|judge?ments?|awards?|costs|damages|fines)
    (?:bears?|meets?|absorbs?) (?:\w+ ){0,4}(?:costs?|expenses?|fines?|judge?ments?)
    """
)
_OUTSIDERS = _said(
    r"""
    third[- ]part(?:y|ies)  others  outsiders?  neighbou?rs?  someone  any(?:one|body) else  claims?
    sue[sd]?  suits?  lawsuits?  actions?  proceedings?  demands?  allegations?  alleging  fines?
    penalt(?:y|ies)  judge?ments?  settlements?  (?:legal|attorneys?.?|lawyers?.?) fees  expenses?
    loss(?:es)?  damages?  liabilities
    """
)
_BOUNDS = _said(
    r"""
    cap(?:s|ped)?  ceiling  limit(?:s|ed|ation|ations)?  maximum  aggregate  at most  the most  up to
    neither  (?:not|never) (?:to )?(?:exceed|be (?:more|greater|higher) than)
    no (?:more|greater|higher) than  in no (?:event|case)  under no circumstances?
    not? (?:be )?(?:liable|responsible|answerable|recover|accountable)  exclud(?:e|es|ed|ing)  exclusions?
    disclaim(?:s|ed)?  waive[sd]?  renounces?  barred  may not (?:recover|claim)
    """
)
_EXPOSURE = _said(
    r"""
    liab(?:le|ility|ilities)  answerable  recover(?:y|able)?  claims?  damages  remed(?:y|ies)
    compensation  exposure
    (?:lost|loss of|anticipated) (?:\w+ ){0,2}(?:profits?|revenues?|data|goodwill|savings|business|use|income)
    indirect  consequential  incidental  punitive  exemplary  loss(?:es)?  owes?  amount payable
    obligation to pay
    """
)
# Phrases that need no company.
_LIABILITY_PLAIN = _said(
    r"""
    (?:not|neither|nor|no|never) .{0,60}(?:liable|responsible|answerable) (?:to|for)  not responsible
    no liability  at (?:your|its|their) own risk  as[- ]is\W.{0,40}warrant\w*
    liquidated (?:damages|penalt(?:y|ies))  joint(?:ly)? and several(?:ly)?
    """
)
_SOLE_REMEDY = _said(
    r"(?:sole|exclusive|only)(?: and exclusive)? (?:remed(?:y|ies)|recourse|right of recovery)"
)
_ENDS = _said(
    r"""
    terminat(?:e|es|ed|ing|ion|ions)  cancel(?:s|led|ed|lation)?  rescind(?:s|ed)?  rescission
    walks? away  (?:pull|back|opt|get)s? out  withdraw(?:s|al)?  discontinue[sd]?  lapse[sd]?
    expir(?:e|es|ed|y|ation)  (?:brings?|brought|comes?|put) .{0,50}?to (?:an end|a close)  ends?  ended
    cease[sd]? to (?:be|have)  (?:early|right of|right to) exit  exits?  wind(?:s|ing)? (?:down|up)
    dissol(?:ve|ves|ved|ution)  break clause  revok(?:e|es|ed)  revocation  not (?:be )?renew(?:ed)?
    non-renewal  release[sd]? from  repudiat\w+
    """
)
_BOND = _said(
    r"""
    agreements?  contracts?  arrangements?  engagements?  relationships?  mandates?  lease  tenancy
    retainer  partnership  subscription  statement of work  work order  this order  licen[cs]e
    the services  these terms
    """
)
_MAY_END = _said(
    r"""
    (?:may|can|right to|entitled to|free to) (?:\w+,? ){0,6}(?:terminate|cancel|rescind|discontinue)
    (?:upon|after|following|before|prior to) (?:\w+ ){0,2}(?:termination|expiry|expiration|cancellation)
    in the event of (?:\w+ ){0,2}(?:termination|cancellation)
    """
)

_MENTIONS = re.compile(
    r"\b(?:headings?|captions?|table of contents|left blank|(?:is|are) called|please see|pages? \d+)\b"
    r"|\bintentionally (?:omitted|deleted)\b|\.{4,}\s*\d+|^(?:see|refer to|cf\.)\s"
    r"|\b(?:seminar|webinar|podcast|course|training|brochure|catalogue|newsletter|handbook)\b",
    re.IGNORECASE,
)

_DEAL = r"(?:contract|agreement|clause|legal|lease|notice)\w*"
_RISKS = rf"liabilit|\bliable\b|\brisks?\b.*\b{_DEAL}|\b{_DEAL}\b.*\brisks?\b"
_HOLDING = r"|indemnif|indemnit|hold(?:s|ing)? harmless"
_LIMITS = r"|limit\w* (?:of|on) (?:damages|recovery)|damages? caps?|caps? on (?:damages|recovery)"
_ENDING = (
    rf"|\bterminat\w+.*\b{_DEAL}|\b{_DEAL}\b.*\bterminat|indemnif\w*.*terminat|terminat\w*.*(?:indemnif|damages)"
    rf"|\b(?:end|cancel|exit|leave|get out of) (?:\w+ )?{_DEAL}"
)


def _topic(name: str, asked: str, *signs: tuple[str, ...]) -> Topic:
    return Topic(name, re.compile(_RISKS + asked, re.IGNORECASE), signs)


CONTRACT_LAW = Subject(
    topics=(
        _topic("liability", "", ("answers", "loss", "who"), ("liability, plainly",)),
        _topic("indemnification", _HOLDING, ("shields", "outsiders", "who")),
        _topic("limitation of damages", _LIMITS, ("bounds", "exposure", "who"), ("sole remedy",)),
        _topic("termination", _ENDING, ("ends", "bond", "who"), ("may end", "who")),
    ),
    meanings={
        "who": _WHO,
        "answers": _ANSWERS,
        "loss": _LOSS,
        "liability, plainly": _LIABILITY_PLAIN,
        "shields": _SHIELDS,
        "outsiders": _OUTSIDERS,
        "bounds": _BOUNDS,
        "exposure": _EXPOSURE,
        "sole remedy": _SOLE_REMEDY,
        "ends": _ENDS,
        "bond": _BOND,
        "may end": _MAY_END,
    },
    mentions=_MENTIONS,
)
