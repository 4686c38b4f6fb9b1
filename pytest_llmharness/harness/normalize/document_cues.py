"""What kinds of legal document say of themselves, and where they say they belong.

A cue is a phrase; `*` stands for the rest of a word, `#` for a number. Cues in the first list of a kind
weigh 2, because hardly anything else is written so; cues in the second weigh 1.
"""

from __future__ import annotations

KINDS: dict[str, tuple[str, str]] = {
    "contract": (
        """this agreement, by and between, in witness whereof, entire agreement, party of the first part,
        hereinafter referred to, shall indemnify, terms and conditions of this, this contract, dieser
        vertrag, salvatorische klausel, nachfolgend genannt, entre les soussignés, le présent contrat,
        el presente contrato, las partes acuerdan, im folgenden auftraggeber, this lease, this deed,
        this license agreement, non-disclosure agreement, vertragsparteien""",
        """the parties, either party, hereinafter, governing law, governed by the laws, termination,
        indemnif*, confidentiality, effective date, whereas, licensor, licensee, lessor, lessee,
        contractor, force majeure, severability, assignment, hereto, limitation of liability, hereby
        agree*, vertrag, die parteien, gerichtsstand, kündigung, haftung, auftraggeber, auftragnehmer,
        vertragspartner, contrat, les parties, ci-après, résiliation, droit applicable, contrato, las
        partes, cláusula, estipulaciones, rescisión, supplier shall, customer shall, landlord, tenant,
        warranties""",
    ),
    "judgment": (
        """plaintiff, it is so ordered, we affirm, opinion of the court, im namen des volkes,
        entscheidungsgründe, par ces motifs, cour de cassation, fallamos, court of appeal*, the
        appellant, claimant, respondent's appeal, motion to dismiss, klägerin, der kläger, fundamentos
        de derecho, high court of justice, judgment of the court""",
        """defendant*, the court, judgment, appeal, docket, case no, held that, petitioner, respondent,
        jurisdiction, verdict, jury, urteil, beklagte*, tenor, landgericht, amtsgericht, revision,
        berufung, jugement, tribunal, demandeur, défendeur, arrêt, sentencia, demandante, demandado,
        recurso, judge, justice, dismissed, damages""",
    ),
    "statute": (
        """be it enacted, shall come into force, this act may be cited, have adopted this regulation, have
        adopted this directive, dieses gesetz, tritt in kraft, der bundestag hat, la présente loi,
        journal officiel, la presente ley, entrará en vigor, official journal of the european union,
        bundesgesetzblatt, this regulation shall be binding""",
        """subsection, section #, article #, paragraph #, enacted, regulation, directive, the minister,
        repealed, amended, offence, gesetz, absatz #, artikel #, verordnung, paragraph, loi, décret,
        alinéa, ley, artículo #, decreto, disposición, penalties, member states, statute, public law""",
    ),
    "policy": (
        """privacy policy, terms of service, terms of use, cookie policy, data controller,
        datenschutzerklärung, allgemeine geschäftsbedingungen, politique de confidentialité, conditions
        générales, política de privacidad, términos y condiciones, we collect""",
        """personal data, personal information, cookies, your rights, third parties, consent, opt out, data
        protection, your account, we may share, retention, personenbezogene* daten, verantwortlicher,
        données personnelles, datos personales, by using, lawful basis, processing, unsubscribe""",
    ),
}

JURISDICTIONS: dict[str, tuple[str, str]] = {
    "US": (
        """laws of the state of, united states district court, supreme court of the united states, u.s.c,
        state of delaware, state of new york, state of california, federal rules of, united states of
        america, commonwealth of massachusetts, state of texas, delaware law, new york law, california
        law, a delaware corporation, a california corporation""",
        """united states, delaware, california, new york, texas, florida, illinois, federal, llc, u.s,
        attorney general, washington""",
    ),
    "UK": (
        """england and wales, laws of england, english law, high court of justice, companies act 2006,
        house of lords, ewca, ewhc, uksc, scots law, laws of scotland, act of parliament, his majesty,
        her majesty, data protection act 2018""",
        """united kingdom, england, scotland, london, hmrc, barrister, solicitor, british, uk""",
    ),
    "EU": (
        """court of justice of the european union, european parliament and of the council, regulation (eu),
        directive (eu), official journal of the european union, general data protection regulation,
        treaty on the functioning, european commission, verordnung (eu), règlement (ue), reglamento
        (ue), dsgvo""",
        """european union, member states, gdpr, european economic area, eu law, union law""",
    ),
    "DE": (
        """deutsches recht, deutschem recht, german law, recht der bundesrepublik deutschland,
        bundesgerichtshof, bgb, hgb, zpo, stgb, im namen des volkes, bundestag, landgericht,
        oberlandesgericht, laws of germany, amtsgericht""",
        """gmbh, gerichtsstand, bundesrepublik, deutschland, germany, berlin, münchen, hamburg, frankfurt""",
    ),
    "FR": (
        """droit français, loi française, french law, code civil, cour de cassation, tribunal de commerce,
        république française, code du travail, laws of france, conseil d'état, tribunal judiciaire""",
        """sarl, france, paris, sas, lyon, marseille""",
    ),
    "ES": (
        """legislación española, derecho español, spanish law, código civil, tribunal supremo, boletín
        oficial del estado, audiencia provincial, laws of spain, ley orgánica""",
        """españa, spain, madrid, barcelona, s.l, sociedad limitada""",
    ),
    "CH": (
        """schweizer recht, schweizerischem recht, swiss law, obligationenrecht, laws of switzerland, droit
        suisse, zgb, schweizerisches obligationenrecht""",
        """schweiz, switzerland, suisse, zürich, genf, genève, basel""",
    ),
}
