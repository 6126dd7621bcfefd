#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The load of xmllint: xmllint.py API DIRECTORY writes doc.xml, doc.dtd and doc.xsd.

API is the description of libxml2 in XML that comes with its source; it becomes a part of a document
with a DTD, entities, IDs and references to them, namespaces, comments, instructions and CDATA.
"""
import os
import re
import sys
import xml.etree.ElementTree as tree

api, directory = sys.argv[1:]
with open(api, encoding='latin-1') as file:
    text = file.read().split('?>', 1)[1]
root = tree.fromstring(text)
# Less of it: a third of the functions are enough.
symbols = root.find('symbols')
for number, symbol in enumerate(list(symbols)):
    if number % 3:
        symbols.remove(symbol)
attributes = {}
for element in root.iter():
    attributes.setdefault(element.tag, set()).update(element.attrib)

with open(os.path.join(directory, 'doc.dtd'), 'w', encoding='utf-8') as dtd:
    dtd.write('<!ELEMENT book (title, (chapter | note)*, api)>\n'
              '<!ELEMENT title (#PCDATA)>\n'
              '<!ELEMENT chapter (title, (para | item | note)+)>\n'
              '<!ATTLIST chapter id ID #REQUIRED state (draft | ready) "draft">\n'
              '<!ELEMENT para (#PCDATA | ref | b)*>\n<!ELEMENT b (#PCDATA)>\n<!ELEMENT note ANY>\n'
              '<!ELEMENT item ANY>\n<!ATTLIST item id ID #IMPLIED xmlns CDATA #IMPLIED>\n'
              '<!ELEMENT a:part ANY>\n<!ATTLIST a:part xmlns:a CDATA #IMPLIED xmlns:b CDATA #IMPLIED '
              'a:size CDATA #IMPLIED b:name CDATA #IMPLIED>\n<!ELEMENT b:inner EMPTY>\n'
              '<!ELEMENT ref EMPTY>\n<!ATTLIST ref to IDREF #REQUIRED all IDREFS #IMPLIED>\n'
              '<!NOTATION png SYSTEM "viewer">\n<!ENTITY picture SYSTEM "picture.png" NDATA png>\n')
    for number in range(150):
        dtd.write(f'<!ENTITY word{number} "the word number {number}">\n')
    for tag, names in sorted(attributes.items()):
        dtd.write(f'<!ELEMENT {tag} ANY>\n')
        for name in sorted(names):
            dtd.write(f'<!ATTLIST {tag} {name} CDATA #IMPLIED>\n')

with open(os.path.join(directory, 'doc.xml'), 'w', encoding='utf-8') as doc:
    doc.write('<?xml version="1.0"?>\n<!DOCTYPE book SYSTEM "doc.dtd" [<!ENTITY local "of the document">]>\n'
              '<!-- A document with something of everything. -->\n<?sheet href="a.css"?>\n'
              '<book><title>All &local; and more</title>\n')
    for number in range(400):
        doc.write(f'<chapter id="c{number}" state="ready"><title>Chapter {number} of &word{number % 150};</title>\n'
                  f'<para>Some text, <b>bold</b>, and <ref to="c{number // 2}" all="c0 c{number}"/> &amp; more '
                  f'&word{number % 7};.</para>\n<!-- comment {number} --><?step {number}?>'
                  f'<item xmlns="urn:items:{number}" id="i{number}"><a:part xmlns:a="urn:a" xmlns:b="urn:b{number % 9}" '
                  f'a:size="{number}" b:name="part"><b:inner/>some words</a:part></item>\n'
                  f'<note><![CDATA[if (a < {number} && b) return;]]></note></chapter>\n')
    doc.write(re.sub(r' +', ' ', tree.tostring(root, encoding='unicode')) + '</book>\n')

with open(os.path.join(directory, 'doc.xsd'), 'w', encoding='utf-8') as xsd:
    xsd.write('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">\n')
    for number in range(80):
        xsd.write(f'<xs:simpleType name="kind{number}"><xs:restriction base="xs:string">'
                  f'<xs:enumeration value="one{number}"/><xs:enumeration value="two"/><xs:maxLength value="20"/>'
                  f'<xs:pattern value="[a-z]+[0-9]*(a|b{{1,3}})?"/></xs:restriction></xs:simpleType>\n'
                  f'<xs:complexType name="record{number}"><xs:sequence><xs:element name="name" type="t:kind{number}"/>'
                  f'<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="left" type="xs:int"/>'
                  f'<xs:element name="right" type="xs:date"/></xs:choice><xs:any processContents="lax" minOccurs="0"/>'
                  f'</xs:sequence><xs:attribute name="at" type="xs:decimal" use="required"/>'
                  f'<xs:attribute name="kind" type="t:kind{number}" default="two"/></xs:complexType>\n'
                  f'<xs:element name="entry{number}" type="t:record{number}"><xs:key name="key{number}">'
                  f'<xs:selector xpath="t:name"/><xs:field xpath="@at"/></xs:key></xs:element>\n')
    xsd.write('</xs:schema>\n')
