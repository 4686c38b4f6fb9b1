"""Document types: four kinds under several laws, and what only looks like one."""

from __future__ import annotations

import pytest

from pytest_llmharness.domain.request import Request
from pytest_llmharness.harness.normalize import Document, Normalizer, document_of

LEGAL = {
    (
        "contract",
        "US",
    ): "This Services Agreement is made by and between Acme LLC, a Delaware corporation, and Jane Roe (the parties). Either party may terminate on 30 days' notice. Governing law: the laws of the State of New York. Confidentiality survives termination.",
    (
        "contract",
        "UK",
    ): "THIS AGREEMENT is dated 3 May 2024. The Supplier shall provide the services to the Customer. Limitation of liability: nothing limits liability for fraud. This contract is governed by the laws of England and Wales.",
    (
        "contract",
        "DE",
    ): "Mietvertrag. Dieser Vertrag wird zwischen der Muster GmbH und Herrn Huber geschlossen. Die Kündigung bedarf der Schriftform. Gerichtsstand ist München. Es gilt deutsches Recht.",
    (
        "contract",
        "FR",
    ): "Entre les soussignés : la société Dupont SARL, et M. Martin. Le présent contrat est soumis au droit français. En cas de résiliation, les parties respectent un préavis de trois mois.",
    (
        "judgment",
        "US",
    ): "UNITED STATES DISTRICT COURT, Southern District of New York. Plaintiff moves for summary judgment against the defendant. The motion is denied. It is so ordered.",
    (
        "judgment",
        "UK",
    ): "In the High Court of Justice, King's Bench Division. The claimant seeks damages from the defendant for breach. Held: the claim is dismissed. England and Wales, [2021] EWHC 12.",
    (
        "judgment",
        "DE",
    ): "Bundesgerichtshof. Im Namen des Volkes. Urteil. In dem Rechtsstreit der Klägerin gegen die Beklagte wird die Revision zurückgewiesen. Entscheidungsgründe: ...",
    (
        "judgment",
        "EU",
    ): "Judgment of the Court (Second Chamber). Court of Justice of the European Union. In the proceedings the applicant claims that the defendant, a Member State, failed to fulfil its obligations. The appeal is dismissed.",
    (
        "statute",
        "US",
    ): "Be it enacted by the Senate and House of Representatives of the United States of America. Section 2. Definitions. Subsection (a) is amended as follows.",
    (
        "statute",
        "UK",
    ): "An Act of Parliament. This Act may be cited as the Fisheries Act 2019 and shall come into force on 1 May. Section 4: a person commits an offence if ... in the United Kingdom.",
    (
        "statute",
        "EU",
    ): "Regulation (EU) 2016/679 of the European Parliament and of the Council. HAVE ADOPTED THIS REGULATION: Article 1. This Regulation shall be binding in its entirety and directly applicable in all Member States.",
    (
        "statute",
        "ES",
    ): "Boletín Oficial del Estado. La presente ley entrará en vigor a los veinte días. Artículo 1. Disposición derogatoria. España.",
    (
        "policy",
        "US",
    ): "Privacy Policy. We collect personal information when you create your account. Residents of California have additional rights. We may share data with third parties.",
    (
        "policy",
        "UK",
    ): "Privacy policy. We process your personal data under the Data Protection Act 2018 in the United Kingdom. Cookies: you may withdraw consent at any time.",
    (
        "policy",
        "EU",
    ): "Cookie policy. The data controller processes personal data under the General Data Protection Regulation. You may withdraw consent. European Union.",
    (
        "policy",
        "DE",
    ): "Datenschutzerklärung. Verantwortlicher ist die Beispiel GmbH, Berlin. Wir verarbeiten personenbezogene Daten nur mit Einwilligung. Es gilt deutsches Recht.",
    (
        "contract",
        None,
    ): "This Agreement is between the parties named below. Either party may terminate it. Confidentiality survives termination.",
}

NOT_LEGAL = [
    "Please send me one legal pad and two pens.",
    "Order 12 legal pads, letter size, yellow, to our Delaware office.",
    "I need a contract bridge partner for Thursday.",
    "The judge of the cake contest was in Paris.",
    "What is the difference between a lease and a licence?",
    "My landlord and the tenant next door had an agreement about the bins.",
    "The court was wet, so the tennis match was off.",
    "Can you review my resume?",
    "def terminate(self): ...",
    "",
    "We agreed to meet in New York on the effective date of the merger talks.",
    "Terms like GDPR and HIPAA come up in the interview.",
    "The statute of the queen stands in London.",
    "Summarise this policy discussion: the minister wants a new directive.",
]


@pytest.mark.parametrize(("kind", "jurisdiction"), LEGAL)
def test_a_legal_document_is_known_with_its_law(kind: str, jurisdiction: str | None) -> None:
    """Four kinds, each under four laws, go to extraction; where no law is named there is none."""
    found = document_of(LEGAL[kind, jurisdiction])
    assert found == Document(kind, jurisdiction)
    assert found.route == "extraction"


@pytest.mark.parametrize("text", NOT_LEGAL)
def test_what_only_looks_legal_is_none(text: str) -> None:
    """An order of legal pads is not a legal document: a kind takes several signs."""
    assert document_of(text) == Document(None, None)
    assert document_of(text).route is None


def test_four_kinds_under_four_laws_are_covered() -> None:
    """The table above holds four kinds, and four laws of each."""
    laws: dict[str, set[str]] = {}
    for kind, jurisdiction in LEGAL:
        if jurisdiction:
            laws.setdefault(kind, set()).add(jurisdiction)
    assert sorted(laws) == ["contract", "judgment", "policy", "statute"]
    assert all(len(found) >= 4 for found in laws.values())


def test_the_request_carries_its_document() -> None:
    """What a text is stands beside the request, for the router and the trace."""
    admission = Normalizer().admit(Request(LEGAL["contract", "US"]))
    assert admission.document == Document("contract", "US")
    assert Normalizer().admit(Request("Hello!")).document == Document()


def test_a_document_full_of_escapes_is_known() -> None:
    """The type is told from the cleaned text."""
    text = LEGAL["policy", "DE"].replace("ä", "&auml;").replace("ü", "&uuml;").replace(" ", "\u00a0")
    assert Normalizer().admit(Request(text)).document == Document("policy", "DE")


def test_cues_that_come_again_count_once() -> None:
    """One word said a hundred times is one sign."""
    assert document_of("The tenant and the landlord. " * 100) == Document()
