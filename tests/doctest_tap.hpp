/*
 * doctest_tap.hpp - results of a doctest program, in the Test Anything Protocol
 *
 * Each test case is one result. What did not hold follows it in comments. To be
 * included once, by the only file of a program.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_DOCTEST_TAP_HPP
#define TESTS_DOCTEST_TAP_HPP

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <sstream>
#include <string>

namespace tap
{

class reporter : public doctest::IReporter
{
public:
	explicit reporter(const doctest::ContextOptions &) {}

	void test_case_start(const doctest::TestCaseData &data) override
	{
		name_ = data.m_name;
		wrong_.clear();
	}
	void test_case_end(const doctest::CurrentTestCaseStats &stats) override
	{
		bool ok = stats.failure_flags == 0;

		std::printf("%sok %d - %s\n%s", ok ? "" : "not ", ++count_,
		            name_.c_str(), wrong_.c_str());
		std::fflush(stdout);
	}
	void log_assert(const doctest::AssertData &data) override
	{
		std::ostringstream words;

		if (!data.m_failed)
			return;
		words << data.m_file << ":" << data.m_line << ": "
		      << data.m_expr;
		if (data.m_decomp.size() > 0)
			words << " is " << data.m_decomp.c_str();
		if (data.m_threw)
			words << " threw " << data.m_exception.c_str();
		note(words.str());
	}
	void test_case_exception(
		const doctest::TestCaseException &exception) override
	{
		note(exception.error_string.c_str());
	}
	void test_run_end(const doctest::TestRunStats &) override
	{
		std::printf("1..%d\n", count_);
	}

	void report_query(const doctest::QueryData &) override {}
	void test_run_start() override {}
	void test_case_reenter(const doctest::TestCaseData &) override {}
	void subcase_start(const doctest::SubcaseSignature &) override {}
	void subcase_end() override {}
	void log_message(const doctest::MessageData &data) override
	{
		note(data.m_string.c_str());
	}
	void test_case_skipped(const doctest::TestCaseData &) override {}

private:
	void note(const std::string &words)
	{
		std::istringstream lines(words);

		for (std::string line; std::getline(lines, line);)
			wrong_ += "# " + line + "\n";
	}

	std::string name_, wrong_;
	int count_ = 0;
};

DOCTEST_REGISTER_REPORTER("tap", 0, reporter);

} // namespace tap

/* The exit status is 0 even if tests failed: the "not ok" lines report them. */
int main(int argc, char **argv)
{
#ifdef TAP_SKIP_ALL
	std::printf("1..0 # SKIP %s\n", TAP_SKIP_ALL);
	return 0;
#endif
	doctest::Context context(argc, argv);

	context.setOption("reporters", "tap");
	context.setOption("order-by", "file");
	context.run();
	return 0;
}

#endif // TESTS_DOCTEST_TAP_HPP
