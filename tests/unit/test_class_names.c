/* SPDX-License-Identifier: MIT */
/* Names of classes: what is the same, what is not, and what people write. */
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/class_names.h"
#include "types/vtables.h"
#include "unit.h"

static bool are_same(const char *a, const char *b)
{
	_cleanup_free_ char *left = class_name_key(a), *right = class_name_key(b);

	return strcmp(left, right) == 0;
}

START_TEST(spellings_of_one_class_have_one_key)
{
	static const char *const same[][2] = {
		{"zoo::Dog", "zoo::Dog"},
		{"A<B<int> >", "A<B<int>>"},
		{"A<long>", "A<long int>"},
		{"A<unsigned long>", "A<long unsigned int>"},
		{"A<unsigned int>", "A<unsigned>"},
		{"A<long long, short>", "A<long long int, short int>"},
		{"A<unsigned char, signed char, char>", "A<unsigned char,signed char,char>"},
		{"std::pair<int const, std::string const>", "std::pair<const int, const std::string>"},
		{"A<Row*>", "A<Row *>"},
		{"A<char const*>", "A<const char *>"},
		{"A<3ul, 4u, -5l>", "A<3, 4U, -5>"},
		{"A<true, false>", "A<1, 0>"},
		{"A<(Color)2>", "A<2>"},
		{"A<(ns::Color<int>)2, (char)97>", "A<2, 97>"},
		{"A::B[abi:cxx11]::C", "A::B::C"},
		{"A<struct B>", "A<B>"},
		{"A<int (*)(char const*)>", "A<int (*)(const char *)>"},
	};
	static const char *const different[][2] = {
		{"A<long>", "A<long long>"}, {"A<char>", "A<signed char>"}, {"A<3>", "A<4>"}, {"A<-3>", "A<3>"}, {"A<int>", "A<unsigned int>"},
		{"A<Row*>", "A<Row>"}, {"A::B", "A::C"}, {"(anonymous namespace)::A", "A"}, {"A<constant>", "A<ant>"}, {"Along", "A"},
		{"interior", "erior"}, {"A<short>", "A<int>"}, {"A<1>", "A<11>"},
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		ck_assert_msg(are_same(same[i][0], same[i][1]), "%s, %s", same[i][0], same[i][1]);
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
		ck_assert_msg(!are_same(different[i][0], different[i][1]), "%s, %s", different[i][0], different[i][1]);
}
END_TEST

START_TEST(paths_leave_out_what_is_the_librarys)
{
	static const char *const cases[][2] = {
		{"", ""},
		{".buf", ".buf"},
		{"[].next", "[].next"},
		{"._M_storage._M_storage.second.functions._M_t._M_impl._M_header._M_parent", ".second.functions"},
		{".words._M_impl._M_start[]", ".words[]"},
		{"._M_elems[].name._M_dataplus._M_p", "[].name"},
		{".rows.__begin_", ".rows"},
		{".__m._M_", ".__m._M_"},
		{".__next.__prev", ".__next.__prev"},
		{"._M_impl", ""},
		{"..", ".."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *path = member_path_short(cases[i][0]);

		ck_assert_str_eq(path, cases[i][1]);
	}
}
END_TEST

START_TEST(short_names_leave_out_the_defaults)
{
	static const char *const cases[][2] = {
		{"zoo::Dog", "zoo::Dog"},
		{"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
		{"std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >", "std::string"},
		{"std::__cxx11::basic_string<char32_t, std::char_traits<char32_t>, std::allocator<char32_t> >", "std::u32string"},
		{"std::vector<int, std::allocator<int> >", "std::vector<int>"},
		{"std::map<int, Row, std::less<int>, std::allocator<std::pair<int const, Row> > >", "std::map<int, Row>"},
		{"std::map<int, Row, Order, std::allocator<std::pair<int const, Row> > >", "std::map<int, Row, Order>"},
		{"std::map<int, Row, std::less<int>, Pool<Row> >", "std::map<int, Row, std::less<int>, Pool<Row>>"},
		{"std::unordered_map<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, int, "
		 "std::hash<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > >, "
		 "std::equal_to<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > >, "
		 "std::allocator<std::pair<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const, int> > >",
		 "std::unordered_map<std::string, int>"},
		{"std::_Rb_tree_node<std::pair<int const, std::vector<Row*, std::allocator<Row*> > > >",
		 "std::_Rb_tree_node<std::pair<int const, std::vector<Row*>>>"},
		{"std::unique_ptr<Row, std::default_delete<Row> >", "std::unique_ptr<Row>"},
		{"std::allocator<int>", "std::allocator<int>"},
		{"Box<std::allocator<int> >", "Box<std::allocator<int>>"},
		{"std::function<int (char, long)>", "std::function<int (char, long)>"},
		{"mystd::__1::x", "mystd::__1::x"},
		// No C++, or nothing that is understood.
		{"a<b", "a<b"}, {"a>b", "a>b"}, {"", ""}, {"operator<<", "operator<<"}, {"A::operator->", "A::operator->"}, {"char[]", "char[]"},
		{"alloc::vec::Vec<rr::Row, alloc::alloc::Global>", "alloc::vec::Vec<rr::Row>"},
		{"struct Conn", "struct Conn"}, {"struct Node *[16]", "struct Node *[16]"}, {"(u64, rr::Row)[]", "(u64, rr::Row)[]"},
		{"std::vector<int, std::allocator<int> > *[]", "std::vector<int> *[]"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *name = class_name_short(cases[i][0]);

		ck_assert_str_eq(name, cases[i][1]);
	}
	// Deeper than any name.
	char deep[2001];
	for (size_t i = 0; i < 2000; i += 2)
		memcpy(deep + i, "A<", 2);
	deep[2000] = '\0';
	_cleanup_free_ char *name = class_name_short(deep), *key = class_name_key(deep);
	ck_assert_str_eq(name, deep);
	ck_assert_str_eq(key, deep);
}
END_TEST

START_TEST(no_classes_have_no_types)
{
	struct type_table table;
	const struct vtables none = {0};

	type_table_init(&table);
	type_table_seal(&table);
	free(class_types_find(&table, &none));
	type_table_deinit(&table);
}
END_TEST

UNIT_SUITE("class_names", spellings_of_one_class_have_one_key, paths_leave_out_what_is_the_librarys, short_names_leave_out_the_defaults, no_classes_have_no_types)
